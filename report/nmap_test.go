package report

import (
	"bytes"
	"encoding/xml"
	"errors"
	"os"
	"os/exec"
	"testing"
)

func shownInNmap(t *testing.T, doc []byte) []shown {
	var run struct {
		Hosts []nmapHost `xml:"host"`
	}
	if err := xml.Unmarshal(doc, &run); err != nil {
		t.Fatal(err)
	}
	var list []shown
	for _, h := range run.Hosts {
		for _, s := range h.Scripts {
			if ip := h.Addresses[0].Addr; ip != s.elem("ip") {
				t.Errorf("address %s, script %s", ip, s.elem("ip"))
			}
			list = append(list, shown{s.elem("id"), s.elem("ip"), s.elem("verdict"), s.elem("severity")})
		}
	}
	return list
}

// TestNmapIsValid holds the XML against nmap's own DTD.
func TestNmapIsValid(t *testing.T) {
	t.Parallel()
	const dtd = "/usr/share/nmap/nmap.dtd"
	if _, err := os.Stat(dtd); err != nil {
		t.Skip("no nmap.dtd: nmap's documents cannot be validated (Debian: apt-get install nmap-common)")
	}
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("no xmllint: nmap's documents cannot be validated (Debian: apt-get install libxml2-utils)")
	}
	check := func(doc []byte) error {
		command := exec.Command(xmllint, "--noout", "--nonet", "--dtdvalid", dtd, "-")
		command.Stdin = bytes.NewReader(doc)
		if out, err := command.CombinedOutput(); err != nil {
			return errors.New(string(out))
		}
		return nil
	}
	for i, x := range everything() {
		if doc := x.write(t, "nmap", Options{}); check(doc) != nil {
			t.Errorf("%d: %v\n%s", i, check(doc), doc)
		}
	}
	if check(bytes.ReplaceAll(whole().write(t, "nmap", Options{}), []byte("runstats"), []byte("stats"))) == nil {
		t.Error("xmllint finds nothing wrong with anything")
	}
}
