package memtest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"time"
)

// Certificate makes a self-signed certificate for a server, valid for a day.
// It is its own authority.
func Certificate(commonName string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make key: %w", err)
	}
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: commonName},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		DNSNames:              []string{commonName},
		IsCA:                  true,
		BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("make certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("read certificate back: %w", err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, nil
}

// secured puts inner behind TLS. Five bytes that are no TLS record header are
// met by refuse; fewer are waited on, as by OpenSSL.
func secured(inner, refuse func(*Conn), auth tls.ClientAuthType) (func(*Conn), error) {
	cert, err := Certificate("cache.example.test")
	if err != nil {
		return nil, err
	}
	authority := x509.NewCertPool()
	authority.AddCert(cert.Leaf)
	config := &tls.Config{
		Certificates: []tls.Certificate{cert},
		ClientAuth:   auth,
		ClientCAs:    authority,
		MinVersion:   tls.VersionTLS12,
	}
	return func(c *Conn) {
		const handshake, major = 0x16, 0x03 // RFC 8446, section 5.1
		head, err := c.in.Peek(5)
		if err != nil {
			return
		}
		if head[0] != handshake || head[1] != major {
			refuse(c)
			return
		}
		talk := tls.Server(c, config)
		if talk.Handshake() != nil {
			return
		}
		inner(newConn(talk, c.tcp, c.done))
		talk.CloseWrite()
	}, nil
}
