package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"filippo.io/torchwood"
	"github.com/transparency-dev/formats/log"
	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
)

// The keys of golang.org/x/mod/sumdb/note's tests.
const (
	peterVkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
	peterSkey = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
	enochVkey = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
	enochLine = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
	noteText  = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)

// NoteRow is a note and what golang.org/x/mod/sumdb/note says of it, knowing one key or two.
type NoteRow struct {
	Name string `json:"name"`
	Note []byte `json:"note"`
	One  string `json:"one"`  // knowing PeterNeumann
	Both string `json:"both"` // knowing EnochRoot too
}

// Notes are rows, and verdicts on every note that differs from a good one in one byte or in its length.
type Notes struct {
	Good      []byte    `json:"good"`
	Rows      []NoteRow `json:"rows"`
	Raised    string    `json:"raised"`    // one letter for each byte raised by one
	Truncated string    `json:"truncated"` // one letter for each length from 0
}

// openNote is o(k), m(alformed), u(nverified) or i(nvalid signature).
func openNote(raw []byte, vkeys ...string) string {
	verifiers := make([]note.Verifier, len(vkeys))
	for i, vkey := range vkeys {
		verifiers[i], _ = note.NewVerifier(vkey)
	}
	_, err := note.Open(raw, note.VerifierList(verifiers...))
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case err == nil:
		return "o"
	case errors.As(err, &unverified):
		return "u"
	case errors.As(err, &invalid):
		return "i"
	default:
		return "m"
	}
}

func noteVectors() (*Notes, error) {
	signer, err := note.NewSigner(peterSkey)
	if err != nil {
		return nil, err
	}
	good, err := note.Sign(&note.Note{Text: noteText}, signer)
	if err != nil {
		return nil, err
	}
	line := strings.TrimPrefix(string(good), noteText+"\n")
	inserted := strings.Replace(line, "x08go/", "x08goABCD/", 1)
	other := strings.Replace(line, "ZJkuBS", "ZJkuBT", 1)
	rows := map[string]string{
		"good": string(good), "both": string(good) + enochLine, "twice": string(good) + line, "twice-and-both": string(good) + line + enochLine,
		"enoch-alone": noteText + "\n" + enochLine, "known-wrong": noteText + "\n" + other, "good-then-wrong": string(good) + other, "wrong-length": noteText + "\n" + inserted,
		"unknown-wrong": string(good) + strings.Replace(enochLine, "5n2tiO", "5n2tiP", 1), "no-text": "\n" + line, "empty-text": "\n\n" + line,
		"text-ends-in-empty-line": noteText + "\n\n" + line, "nothing": "", "line-feed": "\n", "two-line-feeds": "\n\n", "no-signature": noteText + "\n",
		"text-alone": noteText, "no-empty-line": noteText + line, "no-final-line-feed": strings.TrimSuffix(string(good), "\n"), "empty-line-after": string(good) + "\n",
		"control-character": "\x01" + string(good), "tab": "\t" + string(good), "carriage-return": strings.Replace(string(good), "\n", "\r\n", 1), "delete-character": "\x7f" + string(good),
		"invalid-utf8": "\xff" + string(good), "overlong-utf8": "\xc0\x80" + string(good), "surrogate": "\xed\xa0\x80" + string(good), "byte-order-mark": "\ufeff" + string(good),
		"unexpected-line": string(good) + "Unexpected line.\n", "hyphen": strings.Replace(string(good), "—", "-", 1), "no-space": strings.Replace(string(good), "— ", "—", 1),
		"two-spaces": strings.Replace(string(good), "— ", "—  ", 1), "trailing-space": strings.TrimSuffix(string(good), "\n") + " \n", "bad-name-plus": strings.Replace(string(good), "PeterN", "Peter+N", 1),
		"bad-name-space": strings.Replace(string(good), "PeterN", "Peter N", 1), "bad-name-u3000": strings.Replace(string(good), "PeterN", "Peter\u3000N", 1),
		"bad-name-u0085": strings.Replace(string(good), "PeterN", "Peter\u0085N", 1), "no-name": strings.Replace(string(good), "PeterNeumann", "", 1),
		"another-name": strings.Replace(string(good), "PeterNeumann", "CarmenSandiego", 1), "another-key-id": strings.Replace(string(good), "x08g", "xxxx", 1),
		"no-base64": strings.Replace(string(good), line[len("— PeterNeumann "):], "\n", 1), "short-blob": noteText + "\n— PeterNeumann AAAA\n", "key-id-alone": noteText + "\n— PeterNeumann x08gow==\n",
		"bad-base64": strings.Replace(string(good), "x08go/", "%08go/", 1), "base64-for-urls": strings.ReplaceAll(string(good), "/", "_"), "base64-without-padding": strings.Replace(string(good), "AM=", "AM", 1),
		"base64-with-stray-bits": strings.Replace(string(good), "AM=", "AN=", 1), "base64-with-carriage-return": strings.Replace(string(good), "x08go/", "x08g\ro/", 1),
		"64-lines": noteText + "\n" + strings.Repeat(line, 64), "101-lines": noteText + "\n" + strings.Repeat(line, 101),
	}
	out := &Notes{Good: good}
	for _, name := range sortedKeys(rows) {
		raw := []byte(rows[name])
		out.Rows = append(out.Rows, NoteRow{name, raw, openNote(raw, peterVkey), openNote(raw, peterVkey, enochVkey)})
	}
	for i := range good {
		raised := bytes.Clone(good)
		raised[i]++
		out.Raised += openNote(raised, peterVkey)
	}
	for length := range good {
		out.Truncated += openNote(good[:length], peterVkey)
	}
	return out, nil
}

// KeyRow is a text and whether Go takes it as a verifier key: sumdb/note for 0x01, formats for 0x04.
type KeyRow struct {
	Key  string `json:"key"`
	Note bool   `json:"note"`
	Cosi bool   `json:"cosi"`
}

func keyRows() []KeyRow {
	_, cosigner, _ := signerKey("witness.example", 0x04, seedOf(5))
	id := keyID("PeterNeumann", append([]byte{0x01}, make([]byte, 33)...))
	texts := []string{
		peterVkey, enochVkey, cosigner, "", "+", "++", peterVkey + "\n", " " + peterVkey, peterVkey + "=", strings.ToUpper(peterVkey), strings.Replace(peterVkey, "c74f20a3", "C74F20A3", 1),
		strings.Replace(peterVkey, "c74f20a3", "c74f20a4", 1), strings.Replace(peterVkey, "PeterNeumann", "Peter Neumann", 1), strings.Replace(peterVkey, "PeterNeumann", "", 1),
		strings.Replace(peterVkey, "PeterNeumann", "Peter+Neumann", 1), "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
		"PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW", fmt.Sprintf("PeterNeumann+%08x+%s", id, base64.StdEncoding.EncodeToString(append([]byte{1}, make([]byte, 33)...))),
		peterSkey, "witness.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN",
	}
	rows := make([]KeyRow, len(texts))
	for i, text := range texts {
		_, noteErr := note.NewVerifier(text)
		_, cosiErr := f_note.NewVerifierForCosignatureV1(text)
		rows[i] = KeyRow{text, noteErr == nil, cosiErr == nil}
	}
	return rows
}

// CheckpointRow is a body and who takes it.
type CheckpointRow struct {
	Text      string `json:"text"`
	Torchwood bool   `json:"torchwood"`
	Formats   bool   `json:"formats"`
}

func checkpointRows() []CheckpointRow {
	root := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	texts := []string{
		"o\n5\n" + root + "\n", "浙江/330000/1\n5\n" + root + "\n", "o\n9223372036854775807\n" + root + "\n", "o\n1\n" + root + "\n", "", "o\n5\n" + root, "\n5\n" + root + "\n", "o\n\n" + root + "\n", "o\n05\n" + root + "\n",
		"o\n0x10\n" + root + "\n", "o\n-1\n" + root + "\n", "o\n+1\n" + root + "\n", "o\n5 \n" + root + "\n", "o\n1_0\n" + root + "\n", "o\n1e1\n" + root + "\n", "o\n٣\n" + root + "\n", "o\n9223372036854775808\n" + root + "\n",
		"o\n18446744073709551616\n" + root + "\n", "o\n5\n" + root[:43] + "\n", "o\n5\n" + base64.StdEncoding.EncodeToString(make([]byte, 31)) + "\n", "o\n5\n" + base64.StdEncoding.EncodeToString(make([]byte, 33)) + "\n",
		"o\n5\n\n", "o\n5\n" + strings.Replace(root, "c=", "d=", 1) + "\n", "o\n5\n" + root + "\nextension\n", "o\n5\n" + root + "\n\n", "o\n5\n" + root + "\nextension", "o\n5\n" + strings.ReplaceAll(root, "B", "_") + "\n",
		"o\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n", "o\n0\n" + root + "\n",
	}
	rows := make([]CheckpointRow, len(texts))
	for i, text := range texts {
		_, torchwoodErr := torchwood.ParseCheckpoint(text)
		_, formatsErr := new(log.Checkpoint).Unmarshal([]byte(text))
		rows[i] = CheckpointRow{text, torchwoodErr == nil, formatsErr == nil}
	}
	return rows
}

// CosignatureRow is a signature line on a checkpoint and whether formats' verifier takes it.
type CosignatureRow struct {
	Name  string `json:"name"`
	Vkey  string `json:"vkey"`
	Text  string `json:"text"`
	Line  string `json:"line"`
	Valid bool   `json:"valid"`
	Time  int64  `json:"time,string"` // seconds since 1970, of a valid one
}

// cosignatureLine is made from the words of the specification; the verifiers judge it.
func cosignatureLine(name string, seed []byte, text string, time uint64) (vkey, line string) {
	private := ed25519.NewKeyFromSeed(seed)
	_, vkey, _ = signerKey(name, 0x04, seed)
	signature := ed25519.Sign(private, []byte(fmt.Sprintf("cosignature/v1\ntime %d\n%s", time, text)))
	blob := binary.BigEndian.AppendUint32(nil, keyID(name, append([]byte{0x04}, private.Public().(ed25519.PublicKey)...)))
	blob = append(binary.BigEndian.AppendUint64(blob, time), signature...)
	return vkey, "— " + name + " " + base64.StdEncoding.EncodeToString(blob)
}

func cosignatureRows() []CosignatureRow {
	text := "example.com/log/testdata\n3\nWqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=\n"
	wit1, _ := base64.StdEncoding.DecodeString("AeadRiG7XM4XiieCHzD8lxysXMwcViy5nYsoXURWGrlE")
	var rows []CosignatureRow
	add := func(name, vkey, text, line string) {
		verifier, err := f_note.NewVerifierForCosignatureV1(vkey)
		if err != nil {
			panic(err)
		}
		opened, err := note.Open([]byte(text+"\n"+line+"\n"), note.VerifierList(verifier))
		row := CosignatureRow{Name: name, Vkey: vkey, Text: text, Line: line, Valid: err == nil}
		if err == nil {
			row.Time, _ = torchwood.CosignatureTimestamp(opened.Sigs[0])
		}
		rows = append(rows, row)
	}
	vkey, line := cosignatureLine("Wit1", wit1[1:], text, 1679315147)
	add("tessera-wit1-key", vkey, text, line)
	blob, _ := base64.StdEncoding.DecodeString(line[len("— Wit1 "):])
	mangle := func(change func(b []byte) []byte) string {
		return "— Wit1 " + base64.StdEncoding.EncodeToString(change(bytes.Clone(blob)))
	}
	add("another-size", vkey, strings.Replace(text, "\n3\n", "\n4\n", 1), line)
	add("extension-line-added", vkey, text+"more\n", line)
	add("time-plus-1", vkey, text, mangle(func(b []byte) []byte { b[11]++; return b }))
	add("time-little-endian", vkey, text, mangle(func(b []byte) []byte {
		for i, j := 4, 11; i < j; i, j = i+1, j-1 {
			b[i], b[j] = b[j], b[i]
		}
		return b
	}))
	add("without-time", vkey, text, mangle(func(b []byte) []byte { return append(b[:4], b[12:]...) }))
	add("one-byte-more", vkey, text, mangle(func(b []byte) []byte { return append(b, 0) }))
	add("one-byte-less", vkey, text, mangle(func(b []byte) []byte { return b[:75] }))
	add("signature-bit", vkey, text, mangle(func(b []byte) []byte { b[20] ^= 1; return b }))
	_, plain := cosignatureLine("Wit1", wit1[1:], text, 0)
	add("time-0", vkey, text, plain)
	_, late := cosignatureLine("Wit1", wit1[1:], text, 1<<63-1)
	add("time-2^63-1", vkey, text, late)
	add("sunlight-published", "witness.example.org+b8a2cf20+BFLN3yikSfFkVAJtrnh/CiY3Zozkoy7clp+P7XB28qUN", "rome2026h1.example.org\n300\nlCkHUpkmVBEms2r2T1K6Og69+wUuuN3MIEW1/ezu2v0=\n",
		"— witness.example.org uKLPIAAAAABpVGeAhm2bOvKc3LaB9PFN1ruG19Y5yqslmcAAbhftnn1Zznmo0LXFZq4LGvqKqLX8jWlwLKasxEGTLIqAVusneCBmBw==")
	return rows
}
