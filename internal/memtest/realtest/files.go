package realtest

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"

	"github.com/memsweep/memsweep/internal/memtest"
)

// withPassword makes -Y.
func (p *plan) withPassword() error {
	path, err := p.file("passwords", []byte("someone:not-a-secret\n"))
	if err != nil {
		return err
	}
	return p.add("-Y", path)
}

// withSASL makes -S. Without a configuration of its own memcached takes the
// machine's, and may not start at all.
func (p *plan) withSASL() error {
	if _, err := p.file("memcached.conf", []byte("mech_list: plain\npwcheck_method: auxprop\n")); err != nil {
		return err
	}
	p.env = append(p.env, "SASL_CONF_PATH="+p.dir)
	return p.add("-S")
}

// withTLS makes -Z, with a certificate made for the occasion.
func (p *plan) withTLS() error {
	_, err := p.certificate()
	return err
}

// withMutualTLS makes -Z for clients with a certificate, which none has.
func (p *plan) withMutualTLS() error {
	authority, err := p.certificate()
	if err != nil {
		return err
	}
	return p.add("-o", "ssl_verify_mode=2,ssl_ca_cert="+authority)
}

func (p *plan) certificate() (path string, err error) {
	cert, err := memtest.Certificate("cache.example.test")
	if err != nil {
		return "", err
	}
	private, err := x509.MarshalPKCS8PrivateKey(cert.PrivateKey)
	if err != nil {
		return "", fmt.Errorf("encode key: %w", err)
	}
	path, err = p.file("cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Certificate[0]}))
	if err != nil {
		return "", err
	}
	key, err := p.file("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	if err != nil {
		return "", err
	}
	return path, p.add("-Z", "-o", "ssl_chain_cert="+path+",ssl_key="+key)
}

// file writes a file that memcached can read whoever it runs as.
func (p *plan) file(name string, content []byte) (path string, err error) {
	path = filepath.Join(p.dir, name)
	if err := os.WriteFile(path, content, 0o644); err != nil {
		return "", err
	}
	return path, os.Chmod(path, 0o644) // whatever the umask
}
