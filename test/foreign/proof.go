package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/transparency-dev/formats/log"
	f_note "github.com/transparency-dev/formats/note"
	f_proof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/formats/witness"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/client"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Checked is what a proof proves.
type Checked struct {
	Index     uint64 `json:"index"`
	Size      uint64 `json:"size"`
	Satisfied bool   `json:"satisfied"`
}

// check opens a .tlog-proof with transparency-dev/formats, judges its checkpoint by a policy, and verifies the
// inclusion with transparency-dev/merkle and with golang.org/x/mod/sumdb/tlog.
// Given are proof and entry, the files, vkey of the log, named as the log, and policy.
func check(given *words) (any, error) {
	bytes, leaf, rules, vkey := given.file("proof"), given.file("entry"), given.file("policy"), given.text("vkey")
	if given.err != nil {
		return nil, given.err
	}
	return checkProof(bytes, leaf, vkey, rules)
}

func checkProof(bytes, leaf []byte, vkey string, rules []byte) (*Checked, error) {
	var parsed f_proof.TLogProof
	if err := parsed.Unmarshal(bytes); err != nil {
		return nil, err
	}
	if string(parsed.Marshal()) != string(bytes) {
		return nil, errors.New("formats writes the proof otherwise")
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return nil, err
	}
	checkpoint, _, _, err := log.ParseCheckpoint(parsed.Checkpoint, verifier.Name(), verifier)
	if err != nil {
		return nil, err
	}
	hashes := make([][]byte, len(parsed.Hashes))
	record := make(tlog.RecordProof, len(parsed.Hashes))
	for i, hash := range parsed.Hashes {
		hashes[i], record[i] = hash[:], tlog.Hash(hash)
	}
	leafHash := rfc6962.DefaultHasher.HashLeaf(leaf)
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, parsed.Index, checkpoint.Size, leafHash, hashes, checkpoint.Hash); err != nil {
		return nil, err
	}
	if err := tlog.CheckRecord(record, int64(checkpoint.Size), tlog.Hash(checkpoint.Hash), int64(parsed.Index), tlog.Hash(leafHash)); err != nil {
		return nil, err
	}
	group, err := witness.ParsePolicy(rules)
	if err != nil {
		return nil, err
	}
	return &Checked{parsed.Index, checkpoint.Size, group.Satisfied(parsed.Checkpoint)}, nil
}

// prove writes a .tlog-proof of an entry of a log on disk, with the checkpoint as it lies there.
// Given are dir, vkey and origin of the log, index, and out, where the proof goes.
func prove(given *words) (any, error) {
	dir, origin, out, index, verifier := given.text("dir"), given.text("origin"), given.text("out"), given.number("index"), given.verifier("vkey")
	if given.err != nil {
		return nil, given.err
	}
	ctx := context.Background()
	fetcher := client.FileFetcher{Root: dir}
	checkpoint, raw, _, err := client.FetchCheckpoint(ctx, fetcher.ReadCheckpoint, verifier, origin)
	if err != nil {
		return nil, err
	}
	builder, err := client.NewProofBuilder(ctx, checkpoint.Size, fetcher.ReadTile)
	if err != nil {
		return nil, err
	}
	hashes, err := builder.InclusionProof(ctx, index)
	if err != nil {
		return nil, err
	}
	written := f_proof.TLogProof{Index: index, Checkpoint: raw, Hashes: make([][32]byte, 0, len(hashes))}
	for _, hash := range hashes {
		written.Hashes = append(written.Hashes, [32]byte(hash))
	}
	return checkpoint.Size, os.WriteFile(out, written.Marshal(), 0o600)
}

// cosign lets a witness made of transparency-dev/formats cosign a checkpoint; the key is the seed 05…05.
// Given are checkpoint, a file, and vkey of its log.
func cosign(given *words) (any, error) {
	raw, verifier := given.file("checkpoint"), given.verifier("vkey")
	if given.err != nil {
		return nil, given.err
	}
	opened, err := note.Open(raw, note.VerifierList(verifier))
	if err != nil {
		return nil, err
	}
	seed := []byte(strings.Repeat("\x05", ed25519.SeedSize))
	skey, _, err := signerKey("witness.example", 0x01, seed)
	if err != nil {
		return nil, err
	}
	signer, err := f_note.NewSignerForCosignatureV1(skey)
	if err != nil {
		return nil, err
	}
	cosigned, err := note.Sign(&note.Note{Text: opened.Text, Sigs: opened.Sigs, UnverifiedSigs: opened.UnverifiedSigs}, signer)
	if err != nil {
		return nil, err
	}
	_, vkeyText, err := signerKey("witness.example", 0x04, seed)
	if err != nil {
		return nil, err
	}
	return map[string]any{"note": string(cosigned), "vkey": vkeyText}, nil
}

// signerKey writes the signer key and the vkey of a seed in the encodings of signed-note.
func signerKey(name string, kind byte, seed []byte) (skey, vkey string, err error) {
	public := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	id := keyID(name, append([]byte{kind}, public...))
	skey = fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, id, base64.StdEncoding.EncodeToString(append([]byte{kind}, seed...)))
	vkey = fmt.Sprintf("%s+%08x+%s", name, id, base64.StdEncoding.EncodeToString(append([]byte{kind}, public...)))
	return skey, vkey, nil
}
