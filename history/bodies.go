package history

import (
	"crypto/sha256"

	"github.com/memsweep/memsweep/exposure"
	"github.com/memsweep/memsweep/internal/spool"
	"github.com/memsweep/memsweep/report"
)

// bodies hold the findings of a report until it is known which of them are to be
// kept: mostly few. What many have in common is held once.
type bodies struct {
	parter report.Parter
	own    spool.Spool
	list   []body
	advice map[*byte]shared // by where report.Parter has it: as long as it is here, that is no other
	held   int              // bytes of advice
	sums   [][sha256.Size]byte
}

// body is where a finding is.
type body struct{ own, advice spool.Ref }

// shared is advice that was put down, and its digest.
type shared struct {
	ref spool.Ref
	sum [sha256.Size]byte
}

// maxShared bounds the advice that is known again, in bytes.
const maxShared = 4 << 20

// put holds a finding, and takes its digest: of what is its own, and of the
// digest of its advice.
func (b *bodies) put(f exposure.Finding) error {
	parted, err := b.parter.Part(f)
	if err != nil {
		return err
	}
	at := &parted.Advice[0] // it has "fix" at least
	piece, ok := b.advice[at]
	if !ok {
		piece = shared{b.own.Put(parted.Advice), sha256.Sum256(parted.Advice)}
		if b.held += len(parted.Advice); b.advice == nil || b.held > maxShared {
			b.advice, b.held = map[*byte]shared{}, len(parted.Advice)
		}
		b.advice[at] = piece
	}
	b.list = append(b.list, body{b.own.Put(parted.Own), piece.ref})
	b.sums = append(b.sums, sha256.Sum256(append(parted.Own, piece.sum[:]...)))
	return nil
}

// get is a finding as JSON.
func (b *bodies) get(i int) ([]byte, error) {
	own, err := b.own.Get(b.list[i].own)
	if err != nil {
		return nil, err
	}
	advice, err := b.own.Get(b.list[i].advice)
	return report.Parted{Own: own, Advice: advice}.Whole(), err
}

func (b *bodies) close() {
	b.own.Close()
	*b = bodies{}
}
