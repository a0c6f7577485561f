package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"

	"filippo.io/torchwood"
	"github.com/transparency-dev/formats/log"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Audited is what the tools found of a log.
type Audited struct {
	Size          uint64 `json:"size"`
	Root          []byte `json:"root"`
	ConsistentTo  uint64 `json:"consistentTo"` // size kept from the audit before; 0 when there was none
	ProofHashes   int    `json:"proofHashes"`
	StreamedBytes int    `json:"streamedBytes"`
	Streamed      int64  `json:"streamed"`
	Proved        int64  `json:"proved"`
}

// audit lets Tessera's fsck derive everything anew from the entries, Tessera's client prove that the tree
// kept from the audit before is a beginning of it, and torchwood's client read and prove every entry.
// Given are url, which ends in a slash, vkey and origin of the log, and state, the file that keeps the last checkpoint.
func audit(given *words) (any, error) {
	base, origin, state := given.text("url"), given.text("origin"), given.text("state")
	httpClient, verifier := given.client(), given.verifier("vkey")
	root, err := url.Parse(base)
	if must(given, 0, err); given.err != nil {
		return nil, given.err
	}
	fetcher, err := client.NewHTTPFetcher(root, httpClient)
	if err != nil {
		return nil, err
	}
	ctx := context.Background()
	found := &Audited{}
	raw, err := extend(ctx, fetcher, verifier, origin, state, found)
	if err != nil {
		return nil, err
	}
	if err := fsck.New(origin, verifier, fetcher, hashBundle, fsck.Opts{N: 2}).Check(ctx); err != nil {
		return nil, fmt.Errorf("fsck: %w", err)
	}
	checkpoint, _, _, err := log.ParseCheckpoint(raw, origin, verifier)
	if err != nil {
		return nil, err
	}
	found.Size, found.Root = checkpoint.Size, checkpoint.Hash
	if err := stream(ctx, base, httpClient, checkpoint, found); err != nil {
		return nil, fmt.Errorf("torchwood: %w", err)
	}
	return found, os.WriteFile(state, raw, 0o600)
}

// extend proves that the log still begins with the tree of the state file. It returns the newest checkpoint.
func extend(ctx context.Context, fetcher *client.HTTPFetcher, verifier note.Verifier, origin, state string, found *Audited) ([]byte, error) {
	before, err := os.ReadFile(state)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	tracker, err := client.NewLogStateTracker(ctx, fetcher.ReadTile, before, verifier, origin, client.UnilateralConsensus(fetcher.ReadCheckpoint))
	if err != nil {
		return nil, fmt.Errorf("tracker: %w", err)
	}
	found.ConsistentTo = tracker.Latest().Size
	if before == nil {
		found.ConsistentTo = 0
	}
	_, proof, newest, err := tracker.Update(ctx)
	if err != nil {
		return nil, fmt.Errorf("tracker: %w", err)
	}
	found.ProofHashes = len(proof)
	return newest, nil
}

func hashBundle(bundle []byte) ([][]byte, error) {
	var parsed api.EntryBundle
	if err := parsed.UnmarshalText(bundle); err != nil {
		return nil, err
	}
	hashes := make([][]byte, 0, len(parsed.Entries))
	for _, entry := range parsed.Entries {
		hashes = append(hashes, rfc6962.DefaultHasher.HashLeaf(entry))
	}
	return hashes, nil
}

// stream reads every entry with torchwood, which checks each against the tree, and proves some one by one.
func stream(ctx context.Context, base string, httpClient *http.Client, checkpoint *log.Checkpoint, found *Audited) error {
	fetcher, err := torchwood.NewTileFetcher(base, torchwood.WithHTTPClient(httpClient))
	if err != nil {
		return err
	}
	reader, err := torchwood.NewClient(fetcher)
	if err != nil {
		return err
	}
	tree := tlog.Tree{N: int64(checkpoint.Size), Hash: tlog.Hash(checkpoint.Hash)}
	// It stops before a partial bundle, and goes on there when it is asked again.
	for from := int64(-1); from < found.Streamed && found.Streamed < tree.N; {
		from = found.Streamed
		for _, entry := range reader.Entries(ctx, tree, from) {
			found.Streamed++
			found.StreamedBytes += len(entry)
		}
		if err := reader.Err(); err != nil {
			return err
		}
	}
	for index := int64(0); index < tree.N; index += 1 + tree.N/16 {
		if _, _, err := reader.Entry(ctx, tree, index); err != nil {
			return err
		}
		found.Proved++
	}
	return nil
}
