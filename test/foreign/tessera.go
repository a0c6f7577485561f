package main

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/transparency-dev/formats/log"
	f_note "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"
)

func keyID(name string, key []byte) uint32 {
	sum := sha256.Sum256(append([]byte(name+"\n"), key...))
	return binary.BigEndian.Uint32(sum[:4])
}

// logSigner signs a log that is not named as its key: Tessera takes the origin from the signer's name.
type logSigner struct {
	note.Signer
	origin string
	asked  bool
}

func (s *logSigner) Name() string {
	if !s.asked {
		s.asked = true
		return s.origin
	}
	return s.Signer.Name()
}

// Appended is the log after entries were appended.
type Appended struct {
	Size         uint64 `json:"size"`
	CosignedAt   int64  `json:"cosignedAt"` // seconds since 1970
	Checkpoint   string `json:"checkpoint"`
	FirstOfBatch uint64 `json:"firstOfBatch"`
}

// add appends entries to a log of Tessera's on disk. Each checkpoint is shown to the witnesses of the policy, over
// HTTPS, by Tessera, and is published when they cosigned it.
// Given are dir, skey (a file) and origin of the log, entries, how many, prefix, what each begins with, policy, and witness, the
// key that must have cosigned.
func add(given *words) (any, error) {
	dir, origin, witnessVkey, httpClient := given.text("dir"), given.text("origin"), given.text("witness"), given.client()
	entries, prefix, rules, skey := given.number("entries"), given.text("prefix"), given.file("policy"), strings.TrimSpace(string(given.file("skey")))
	signer, err := note.NewSigner(skey)
	if must(given, 0, err); given.err != nil {
		return nil, given.err
	}
	// The one client that Tessera asks witnesses with.
	http.DefaultClient = httpClient
	http.DefaultTransport = httpClient.Transport
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	first, err := appendEntries(ctx, dir, &logSigner{Signer: signer, origin: origin}, rules, int(entries), prefix)
	if err != nil {
		return nil, err
	}
	return published(ctx, dir, origin, skey, witnessVkey, first)
}

func appendEntries(ctx context.Context, dir string, signer note.Signer, rules []byte, count int, prefix string) (uint64, error) {
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		return 0, err
	}
	group, err := tessera.NewWitnessGroupFromPolicy(rules)
	if err != nil {
		return 0, err
	}
	options := tessera.NewAppendOptions().WithCheckpointSigner(signer).WithBatching(uint(count), 100*time.Millisecond).
		WithCheckpointInterval(200*time.Millisecond).WithWitnesses(group, &tessera.WitnessOptions{FailOpen: false, Timeout: 10 * time.Second})
	appender, shutdown, reader, err := tessera.NewAppender(ctx, driver, options)
	if err != nil {
		return 0, err
	}
	await := tessera.NewPublicationAwaiter(ctx, reader.ReadCheckpoint, 50*time.Millisecond)
	var first uint64
	futures := make([]tessera.IndexFuture, count)
	for i := range futures {
		futures[i] = appender.Add(ctx, tessera.NewEntry([]byte(fmt.Sprintf("%s%d", prefix, i))))
	}
	for i, future := range futures {
		index, _, err := await.Await(ctx, future)
		if err != nil {
			return 0, err
		}
		if i == 0 || index.Index < first {
			first = index.Index
		}
	}
	return first, shutdown(ctx)
}

// published opens the checkpoint with the log's key and the witness's.
func published(ctx context.Context, dir, origin, skey, witnessVkey string, first uint64) (*Appended, error) {
	_, verifier, err := f_note.NewEd25519SignerVerifier(skey)
	if err != nil {
		return nil, err
	}
	witness, err := f_note.NewVerifierForCosignatureV1(witnessVkey)
	if err != nil {
		return nil, err
	}
	raw, err := client.FileFetcher{Root: dir}.ReadCheckpoint(ctx)
	if err != nil {
		return nil, err
	}
	checkpoint, _, opened, err := log.ParseCheckpoint(raw, origin, verifier, witness)
	if err != nil {
		return nil, err
	}
	for _, signature := range opened.Sigs {
		if signature.Name != witness.Name() || signature.Hash != witness.KeyHash() {
			continue
		}
		at, err := f_note.CoSigV1Timestamp(signature)
		if err != nil {
			return nil, err
		}
		return &Appended{checkpoint.Size, at.Unix(), string(raw), first}, nil
	}
	return nil, fmt.Errorf("%s did not cosign the published checkpoint", witness.Name())
}
