package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	stdmail "net/mail"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/memsweep/memsweep/exposure"
)

// mailer hands mails to a server that sends them on, over SMTP.
type mailer struct {
	host, port string
	security   string // starttls, implicit, none
	tls        *tls.Config
	user       string
	password   secret
	from       stdmail.Address
	to         []*stdmail.Address
	form       *form
}

const (
	maxRecipients = 50
	maxSMTP       = 1 << 20 // bytes that are read of a server in one attempt
)

func openMail(p *targetFile, t *Target) carrier {
	o := &mailer{security: p.oneOf("tls", "starttls", "implicit", "none"), tls: p.tlsConfig(), user: p.word("user"), password: p.secret("password", nil)}
	port := map[string]string{"starttls": "587", "implicit": "465", "none": "25"}[o.security]
	address, host := p.server(port)
	o.host, o.tls.ServerName, t.Where = host, host, address
	_, o.port, _ = net.SplitHostPort(address) // it was put together just now
	if o.security == "none" && !isLoopback(host) {
		p.Refuse(p.at("tls"), "tls: none shows everybody on the way what is exposed: write starttls or implicit, or a mail server on this machine")
	}
	if (o.user != "") != o.password.given() {
		p.Refuse(p.item, "a user needs a password, and a password a user: write user, and password_file or password_env")
	}
	if from := p.addresses("from", 1); len(from) == 1 {
		o.from = *from[0]
	}
	o.to = p.addresses("to", maxRecipients)
	o.form = p.template(t, nil)
	return o
}

// addresses reads addresses of RFC 5322; none is refused.
func (p *targetFile) addresses(name string, most int) (list []*stdmail.Address) {
	n, ok := p.nodes[name]
	if !ok {
		p.Refuse(p.item, "a mail target has no %s: write it as `%[1]s: secops@example.net`", name)
		return nil
	}
	words := p.words(n, "an address as `"+name+": secops@example.net`")
	for _, word := range words {
		a, err := stdmail.ParseAddress(word)
		if err != nil {
			p.Refuse(n.key, "%s: not a mail address: write one as `Memsweep <memsweep@example.net>`", name)
			continue
		}
		list = append(list, a)
	}
	if len(list) > most {
		p.Refuse(n.key, "%s has more than %d addresses: write a list's address instead", name, most)
	}
	return list
}

func (o *mailer) carry(ctx context.Context, m *Message) (string, error) {
	letter, err := o.letter(m)
	if err != nil {
		return "", failuref(few, "%v", err)
	}
	password := ""
	if o.password.given() {
		if password, err = o.password.read(); err != nil {
			return "", fmt.Errorf("read the password: %w", err)
		}
	}
	client, err := o.client(password)
	if err != nil {
		return "", errors.New(redact(err.Error(), o.secrets(password)...))
	}
	err = client.DialAndSendWithContext(ctx, letter)
	if letter.IsDelivered() { // whatever went wrong after the server took it
		return exposure.Escape(clipTo(redact(letter.ServerResponse(), o.secrets(password)...), maxAnswer)), nil
	}
	return "", o.refused(ctx, err, password)
}

// refused tells the server's own word that it never will from everything else.
// A login that is refused is no such word: it can be mended at the server.
func (o *mailer) refused(ctx context.Context, err error, password string) error {
	if ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded) {
		return errors.New("no answer in time")
	}
	why := exposure.Escape(clipTo(redact(err.Error(), o.secrets(password)...), maxAnswer))
	var answer *textproto.Error
	var sent *mail.SendError
	if errors.As(err, &sent) && !sent.IsTemp() && sent.ErrorCode() >= 500 || errors.As(err, &answer) && answer.Code == 554 {
		return &failure{why: why, prospect: few}
	}
	return errors.New(why)
}

// secrets are the forms in which a login is sent, for a server may repeat it.
func (o *mailer) secrets(password string) []string {
	return []string{password, "\x00" + o.user + "\x00" + password}
}

func (o *mailer) client(password string) (*mail.Client, error) {
	port, err := strconv.Atoi(o.port)
	if err != nil {
		return nil, err
	}
	// All of it ends with the context that the dialler is given, so that the
	// library's own timeout, which begins anew with each command, is out of the way.
	options := []mail.Option{
		mail.WithPort(port), mail.WithTimeout(time.Hour), mail.WithDialContextFunc(o.dial), mail.WithTLSConfig(o.tls), mail.WithHELO(helo()), mail.WithoutNoop(),
	}
	switch o.security {
	case "starttls":
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	default: // of implicit, dial sees to it
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	}
	if o.user != "" {
		known := []mail.SMTPAuthType{mail.SMTPAuthSCRAMSHA256, mail.SMTPAuthSCRAMSHA1, mail.SMTPAuthPlain, mail.SMTPAuthLogin, mail.SMTPAuthCramMD5}
		if o.security == "none" { // on this machine alone
			known = append(known[:2:2], mail.SMTPAuthPlainNoEnc, mail.SMTPAuthLoginNoEnc, mail.SMTPAuthCramMD5)
		}
		options = append(options, mail.WithOpportunisticSMTPAuth(known...), mail.WithUsername(o.user), mail.WithPassword(password))
	}
	return mail.NewClient(o.host, options...)
}

func helo() string {
	if name := printable(hostname(), 255); name != "-" {
		return name
	}
	return "localhost"
}

// dial connects within bounds: the context's end is that of everything that is
// done with the connection.
func (o *mailer) dial(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	b := &bounded{Conn: conn, left: maxSMTP}
	b.deadline, _ = ctx.Deadline()
	if o.security != "implicit" {
		return b, nil
	}
	secured := tls.Client(b, o.tls)
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	return secured, nil
}

// bounded is a connection that ends at a time, and after so many bytes.
type bounded struct {
	net.Conn
	deadline time.Time
	left     int
}

func (b *bounded) SetDeadline(t time.Time) error {
	if !b.deadline.IsZero() && (t.IsZero() || t.After(b.deadline)) {
		t = b.deadline
	}
	return b.Conn.SetDeadline(t)
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left <= 0 {
		return 0, fmt.Errorf("the server says more than %d bytes", maxSMTP)
	}
	n, err := b.Conn.Read(p[:min(len(p), b.left)])
	b.left -= n
	return n, err
}

// messageID is that of RFC 5322, the same at each attempt: mail servers and
// readers drop a repetition by it.
func (o *mailer) messageID(m *Message) string {
	_, domain, _ := strings.Cut(o.from.Address, "@")
	return m.ID + "." + m.Target + "@" + domain
}
