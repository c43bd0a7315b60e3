package web

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/memsweep/memsweep/internal/pretend"
)

func TestSlowClientsAreCutOff(t *testing.T) {
	t.Parallel()
	at := served(t, pretended(t, pretend.Size{}), Options{})
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	begin := time.Now()
	fmt.Fprintf(c, "GET / HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
	c.SetReadDeadline(time.Now().Add(3 * headerWithin))
	io.Copy(io.Discard, c)
	if took := time.Since(begin); took > 2*headerWithin {
		t.Errorf("a header without an end was awaited for %s", took)
	}
}

func TestLongHeadersAreRefused(t *testing.T) {
	t.Parallel()
	at := served(t, pretended(t, pretend.Size{}), Options{})
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET /login HTTP/1.1\r\nHost: localhost\r\nX-Long: %s\r\n\r\n", strings.Repeat("x", 4*maxHeader)) // it may be cut off in the midst of it
	c.SetReadDeadline(time.Now().Add(headerWithin))
	if line, _ := bufio.NewReader(c).ReadString('\n'); line != "" && !strings.Contains(line, "431") {
		t.Errorf("a header of %d bytes: %s", 4*maxHeader, line)
	}
}

// TestMoreClientsWait: more connections than there are places wait, and are
// answered when one ends.
func TestMoreClientsWait(t *testing.T) {
	t.Parallel()
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &limitedListener{Listener: inner, places: make(chan struct{}, 2), closed: make(chan struct{})}
	accepted := make(chan net.Conn, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				close(accepted)
				return
			}
			accepted <- c
		}
	}()
	for range 4 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	one, two := <-accepted, <-accepted
	select {
	case <-accepted:
		t.Fatal("a third client was let in")
	case <-time.After(200 * time.Millisecond):
	}
	one.Close()
	one.Close() // twice gives one place back
	<-accepted
	select {
	case <-accepted:
		t.Fatal("a place was given back twice")
	case <-time.After(200 * time.Millisecond):
	}
	two.Close()
	(<-accepted).Close()
	l.Close()
}

// TestOneAddressCannotTakeAllPlaces: what it opens beyond its share is hung up on,
// and others are still let in.
func TestOneAddressCannotTakeAllPlaces(t *testing.T) {
	t.Parallel()
	certificate, key, _ := pairOfFiles(t, t.TempDir())
	site := New(pretended(t, pretend.Size{}), Options{Listen: "0.0.0.0:0", Certificate: certificate, Key: key, Token: []byte(secret), Log: t.Output()})
	l, err := site.Listen(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, maxClients)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	dial := func(from string) {
		c, err := (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	for range maxOfOne + 5 {
		dial("127.0.0.1")
	}
	var first net.Conn
	for range maxOfOne {
		first = <-accepted
	}
	select {
	case <-accepted:
		t.Fatal("one address has more than its share")
	case <-time.After(200 * time.Millisecond):
	}
	if runtime.GOOS == "linux" { // elsewhere 127.0.0.2 has to be set up
		dial("127.0.0.2")
		<-accepted
	}
	first.Close()
	dial("127.0.0.1")
	(<-accepted).Close()
}

// pairOfFiles writes a certificate for localhost and 127.0.0.1 and its key.
func pairOfFiles(t *testing.T, folder string) (certificate, key string, roots *x509.CertPool) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secretDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate, key = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for path, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: secretDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return certificate, key, roots
}

func TestTLS(t *testing.T) {
	t.Parallel()
	certificate, key, roots := pairOfFiles(t, t.TempDir())
	at := served(t, pretended(t, pretend.Size{}), Options{Certificate: certificate, Key: key, Token: []byte(secret)})
	client := &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	a, err := client.PostForm("https://"+at+"/login", url.Values{"token": {secret}})
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	if c := a.Cookies(); a.StatusCode != 303 || a.ProtoMajor != 2 || len(c) != 1 || !c[0].Secure || c[0].Name != "__Host-memsweep" || c[0].Domain != "" {
		t.Errorf("%s %s %v", a.Proto, a.Status, a.Cookies())
	}
	if a.Header.Get("Strict-Transport-Security") == "" {
		t.Error("no HSTS")
	}
	if _, err := tls.Dial("tcp", at, &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); err == nil {
		t.Error("TLS 1.1 was taken")
	}
	// Plain HTTP gets no page.
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "GET /login HTTP/1.0\r\n\r\n")
	if line, _ := bufio.NewReader(c).ReadString('\n'); strings.Contains(line, "200") {
		t.Errorf("plain HTTP: %s", line)
	}
}

func TestARenewedCertificateIsTaken(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	certificatePath, keyPath, _ := pairOfFiles(t, folder)
	c := &certificate{options: Options{Certificate: certificatePath, Key: keyPath}}
	first, err := c.get(nil)
	if err != nil {
		t.Fatal(err)
	}
	pairOfFiles(t, folder)
	later := time.Now().Add(time.Minute)
	os.Chtimes(certificatePath, later, later)
	if same, _ := c.get(nil); same != first {
		t.Error("the file is looked at for every client")
	}
	c.looked = time.Time{}
	second, err := c.get(nil)
	if err != nil || second == first {
		t.Errorf("the old one is still there, %v", err)
	}
	os.WriteFile(certificatePath, []byte("half of it"), 0o600)
	c.looked = time.Time{}
	if third, err := c.get(nil); err != nil || third != second {
		t.Errorf("half a file: %v, %v", third, err)
	}
}
