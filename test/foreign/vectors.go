package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"filippo.io/torchwood"
	"github.com/transparency-dev/formats/log"
	f_proof "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/formats/witness"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Vectors are what Go's tools made and judged. Everything in them is made anew, byte for byte, by the command.
type Vectors struct {
	Ed25519      []Ed25519Row     `json:"ed25519"`
	Notes        *Notes           `json:"notes"`
	Keys         []KeyRow         `json:"keys"`
	Checkpoints  []CheckpointRow  `json:"checkpoints"`
	Cosignatures []CosignatureRow `json:"cosignatures"`
	Log          *LogVectors      `json:"log"`
	Tiles        *TileVectors     `json:"tiles"`
	Proofs       *ProofVectors    `json:"proofs"`
}

// LogVectors are the log of Tessera's test data.
type LogVectors struct {
	Vkey        string      `json:"vkey"`
	Entries     []string    `json:"entries"`
	Checkpoints []string    `json:"checkpoints"` // by size, from 0
	Proofs      []string    `json:"proofs"`      // .tlog-proofs by index, in the cosigned tree of all entries
	Policy      string      `json:"policy"`
	Satisfied   []QuorumRow `json:"satisfied"`
}

// QuorumRow says whether a checkpoint with the cosignatures of these witnesses is enough.
type QuorumRow struct {
	Witnesses string `json:"witnesses"`
	Satisfied bool   `json:"satisfied"`
}

// TileVectors are paths, and one SHA-256 over the paths of all tiles of the trees of 1 to 600 entries.
type TileVectors struct {
	Paths  []TileRow `json:"paths"`
	Digest string    `json:"digest"`
}

// TileRow is a path and what torchwood reads in it.
type TileRow struct {
	Path  string `json:"path"`
	Valid bool   `json:"valid"`
	Level int    `json:"level"`
	Index int64  `json:"index"`
	Width int    `json:"width"`
}

// Given are out, where they go, and testdata, the folder testdata/log of Tessera: its files must be the same.
func vectors(given *words) (any, error) {
	out, published := given.text("out"), given.text("testdata")
	if given.err != nil {
		return nil, given.err
	}
	all := &Vectors{Ed25519: ed25519Rows(), Keys: keyRows(), Checkpoints: checkpointRows(), Cosignatures: cosignatureRows()}
	var err error
	if all.Notes, err = noteVectors(); err != nil {
		return nil, err
	}
	if all.Log, err = logVectors(published); err != nil {
		return nil, err
	}
	if all.Tiles, err = tileVectors(); err != nil {
		return nil, err
	}
	if all.Proofs, err = proofVectors(); err != nil {
		return nil, err
	}
	text, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	// A row a line, so that a difference shows what differs.
	lines := append(bytes.ReplaceAll(text, []byte("},{"), []byte("},\n{")), '\n')
	return len(lines), os.WriteFile(out, lines, 0o644)
}

const logSkey = "PRIVATE+KEY+example.com/log/testdata+33d7b496+AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg"

func logVectors(published string) (*LogVectors, error) {
	found := &LogVectors{
		Vkey:    "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx",
		Entries: strings.Fields("one two three four five six seven eit nain ten ileven twelf threeten fourten fivten"),
	}
	signer, err := note.NewSigner(logSkey)
	if err != nil {
		return nil, err
	}
	stored := &hashes{}
	for size := 0; size <= len(found.Entries); size++ {
		if size > 0 {
			stored.add(found.Entries[size-1])
		}
		root := stored.root()
		text := log.Checkpoint{Origin: signer.Name(), Size: uint64(size), Hash: root[:]}.Marshal()
		signed, err := note.Sign(&note.Note{Text: string(text)}, signer)
		if err != nil {
			return nil, err
		}
		if published != "" {
			there, err := os.ReadFile(filepath.Join(published, fmt.Sprintf("checkpoint.%d", size)))
			if err != nil || !bytes.Equal(there, signed) {
				return nil, fmt.Errorf("the published checkpoint of size %d is another: %v", size, err)
			}
		}
		found.Checkpoints = append(found.Checkpoints, string(signed))
	}
	if err := found.prove(stored); err != nil {
		return nil, err
	}
	return found, found.quorums()
}

// cosigned is the tree of all entries with cosignatures of these witnesses, whose seeds are their numbers.
func (l *LogVectors) cosigned(names []string) string {
	signed := l.Checkpoints[len(l.Entries)]
	text := signed[:strings.Index(signed, "\n\n")+1]
	for _, name := range names {
		_, line := cosignatureLine(name+".example", seedOf(name[1]), text, 1795396448)
		signed += line + "\n"
	}
	return signed
}

func (l *LogVectors) prove(stored *hashes) error {
	size := int64(len(l.Entries))
	root := stored.root()
	for index := range size {
		record, err := tlog.ProveRecord(size, index, stored)
		if err != nil {
			return err
		}
		if err := tlog.CheckRecord(record, size, root, index, tlog.RecordHash([]byte(l.Entries[index]))); err != nil {
			return err
		}
		written := f_proof.TLogProof{Index: uint64(index), Checkpoint: []byte(l.cosigned([]string{"w1", "w2"}))}
		for _, hash := range record {
			written.Hashes = append(written.Hashes, hash)
		}
		l.Proofs = append(l.Proofs, string(written.Marshal()))
	}
	return nil
}

func (l *LogVectors) quorums() error {
	l.Policy = "log " + l.Vkey + "\n"
	for _, name := range []string{"w1", "w2", "w3", "w4"} {
		_, vkey, _ := signerKey(name+".example", 0x04, seedOf(name[1]))
		l.Policy += "witness " + name + " " + vkey + " https://" + name + ".example/\n"
	}
	l.Policy += "group cities 2 w1 w2 w3\ngroup all-tiers all cities w4\nquorum all-tiers\n"
	group, err := witness.ParsePolicy([]byte(l.Policy))
	if err != nil {
		return err
	}
	for mask := range 16 {
		var names []string
		for i, name := range []string{"w1", "w2", "w3", "w4"} {
			if mask>>i&1 == 1 {
				names = append(names, name)
			}
		}
		l.Satisfied = append(l.Satisfied, QuorumRow{strings.Join(names, " "), group.Satisfied([]byte(l.cosigned(names)))})
	}
	if _, err := checkProof([]byte(l.Proofs[6]), []byte(l.Entries[6]), l.Vkey, []byte(l.Policy)); err != nil {
		return err
	}
	return nil
}

func tileVectors() (*TileVectors, error) {
	found := &TileVectors{}
	for _, path := range []string{
		"tile/0/000", "tile/0/x001/x234/067", "tile/0/x001/x234/067.p/1", "tile/3/255.p/255", "tile/entries/000", "tile/entries/x070/000.p/112", "tile/63/000", "tile/5/x123/x456/x078", "tile/0/x999/999",
		"", "tile", "tile/0", "tile/0/", "tile/0/0", "tile/0/00", "tile/0/0000", "tile/0/x000/000", "tile/0/x000", "tile/0/001/x002", "tile/0/x001/02", "tile/00/000", "tile/64/000", "tile/-1/000", "tile/01/000",
		"tile/8/0/000", "tile/data/000", "tile/Entries/000", "/tile/0/000", "tile/0/000/", "tile/0/000.p", "tile/0/000.p/", "tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/01", "tile/0/000.p/-1",
		"tile/0/000.p/1/", "tile/0/000.p/999", "tile/0/000\n", "tile/0/0x0/000", "tile/0/X001/000", "tile/0/+01", "tile/0/x001/x002/003/004", "tile/entries/0/000",
	} {
		row := TileRow{Path: path}
		// It also reads the paths of sumdb, and writes them otherwise.
		if tile, err := torchwood.ParseTilePath(path); err == nil && torchwood.TilePath(tile) == path {
			row = TileRow{path, true, tile.L, tile.N, tile.W}
		}
		found.Paths = append(found.Paths, row)
	}
	digest := sha256.New()
	for size := int64(1); size <= 600; size++ {
		var paths []string
		widest := map[string]tlog.Tile{}
		// Every tile that came into being on the way; the widest of each place is the tree's.
		for _, tile := range tlog.NewTiles(torchwood.TileHeight, 0, size) {
			widest[fmt.Sprint(tile.L, " ", tile.N)] = tile
		}
		for _, tile := range widest {
			paths = append(paths, torchwood.TilePath(tile))
		}
		sort.Strings(paths)
		fmt.Fprintf(digest, "%d %s\n", size, strings.Join(paths, " "))
	}
	found.Digest = hex.EncodeToString(digest.Sum(nil))
	return found, nil
}

// ProofVectors are two SHA-256 over all proofs of the trees of up to 130 entries (entry i is the byte i), and proofs
// that were changed, with what transparency-dev/merkle says of them.
type ProofVectors struct {
	Inclusion   string     `json:"inclusion"`
	Consistency string     `json:"consistency"`
	Hashes      []string   `json:"hashes"` // base64; rows name them by position
	Rows        []ProofRow `json:"rows"`
}

// ProofRow is of an inclusion proof (from: index, leaf) or of a consistency proof (from: old size, old root).
type ProofRow struct {
	Name      string `json:"name"`
	Inclusion bool   `json:"inclusion"`
	From      uint64 `json:"from,string"`
	Size      uint64 `json:"size"`
	FromHash  int    `json:"fromHash"`
	Root      int    `json:"root"`
	Proof     []int  `json:"proof"`
	Valid     bool   `json:"valid"`
}

func proofVectors() (*ProofVectors, error) {
	stored := &hashes{}
	roots := []tlog.Hash{stored.root()}
	leaves := []tlog.Hash{}
	for i := range 130 {
		stored.add(string([]byte{byte(i)}))
		roots = append(roots, stored.root())
		leaves = append(leaves, tlog.RecordHash([]byte{byte(i)}))
	}
	inclusion, consistency := sha256.New(), sha256.New()
	for size := int64(1); size <= 130; size++ {
		for from := range size {
			record, err := tlog.ProveRecord(size, from, stored)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(inclusion, "%d %d%s\n", from, size, hexes(record))
			tree, err := tlog.ProveTree(size, from+1, stored)
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(consistency, "%d %d%s\n", from+1, size, hexes(tree))
		}
	}
	found := &ProofVectors{Inclusion: hex.EncodeToString(inclusion.Sum(nil)), Consistency: hex.EncodeToString(consistency.Sum(nil))}
	return found, found.mutate(stored, roots, leaves)
}

func (v *ProofVectors) mutate(stored *hashes, roots, leaves []tlog.Hash) error {
	known := map[tlog.Hash]int{}
	place := func(hash tlog.Hash) int {
		if _, ok := known[hash]; !ok {
			known[hash] = len(v.Hashes)
			v.Hashes = append(v.Hashes, base64.StdEncoding.EncodeToString(hash[:]))
		}
		return known[hash]
	}
	add := func(name string, inclusion bool, from, size uint64, fromHash, root tlog.Hash, path []tlog.Hash) {
		row := ProofRow{Name: name, Inclusion: inclusion, From: from, Size: size, FromHash: place(fromHash), Root: place(root), Proof: []int{}}
		bytes := make([][]byte, len(path))
		for i, hash := range path {
			row.Proof = append(row.Proof, place(hash))
			bytes[i] = hash[:]
		}
		if inclusion {
			row.Valid = proof.VerifyInclusion(rfc6962.DefaultHasher, from, size, fromHash[:], bytes, root[:]) == nil
		} else {
			row.Valid = proof.VerifyConsistency(rfc6962.DefaultHasher, from, size, bytes, fromHash[:], root[:]) == nil
		}
		v.Rows = append(v.Rows, row)
	}
	for _, at := range [][2]int64{{0, 1}, {0, 2}, {1, 2}, {0, 8}, {5, 8}, {2, 3}, {1, 5}, {6, 7}, {64, 65}, {129, 130}} {
		path, err := tlog.ProveRecord(at[1], at[0], stored)
		if err != nil {
			return err
		}
		variants(uint64(at[0]), uint64(at[1]), leaves[at[0]], roots[at[1]], path, func(name string, from, size uint64, fromHash, root tlog.Hash, path []tlog.Hash) {
			add(fmt.Sprintf("%d-of-%d-%s", at[0], at[1], name), true, from, size, fromHash, root, path)
		})
	}
	for _, at := range [][2]int64{{1, 1}, {1, 2}, {1, 8}, {6, 8}, {2, 5}, {4, 8}, {3, 7}, {5, 5}, {64, 130}, {127, 130}} {
		path, err := tlog.ProveTree(at[1], at[0], stored)
		if err != nil {
			return err
		}
		variants(uint64(at[0]), uint64(at[1]), roots[at[0]], roots[at[1]], path, func(name string, from, size uint64, fromHash, root tlog.Hash, path []tlog.Hash) {
			add(fmt.Sprintf("%d-to-%d-%s", at[0], at[1], name), false, from, size, fromHash, root, path)
		})
	}
	return nil
}

// variants are the changes of transparency-dev/merkle's own tests.
func variants(from, size uint64, fromHash, root tlog.Hash, path []tlog.Hash, add func(name string, from, size uint64, fromHash, root tlog.Hash, path []tlog.Hash)) {
	garbage := tlog.Hash(bytes.Repeat([]byte{0x5a}, 32))
	with := func(parts ...[]tlog.Hash) []tlog.Hash {
		var all []tlog.Hash
		for _, part := range parts {
			all = append(all, part...)
		}
		return all
	}
	one := func(hash tlog.Hash) []tlog.Hash { return []tlog.Hash{hash} }
	add("happy-path", from, size, fromHash, root, path)
	add("from-minus-1", from-1, size, fromHash, root, path)
	add("from-plus-1", from+1, size, fromHash, root, path)
	add("from-xor-2", from^2, size, fromHash, root, path)
	add("size-doubled", from, size*2, fromHash, root, path)
	add("size-halved", from, size/2, fromHash, root, path)
	add("size-zero", from, 0, fromHash, root, path)
	add("from-zero", 0, size, fromHash, root, path)
	add("wrong-leaf-or-old-root", from, size, garbage, root, path)
	add("wrong-root", from, size, fromHash, garbage, path)
	add("swapped-roots", from, size, root, fromHash, path)
	add("trailing-garbage", from, size, fromHash, root, with(path, one(garbage)))
	add("trailing-root", from, size, fromHash, root, with(path, one(root)))
	add("preceding-garbage", from, size, fromHash, root, with(one(garbage), path))
	add("preceding-old-root", from, size, fromHash, root, with(one(fromHash), path))
	add("empty-proof", from, size, fromHash, root, nil)
	if len(path) > 0 {
		add("truncated", from, size, fromHash, root, path[:len(path)-1])
		add("beheaded", from, size, fromHash, root, path[1:])
	}
	for i := range path {
		changed := with(path)
		changed[i][3] ^= 4
		add(fmt.Sprintf("modified-%d", i), from, size, fromHash, root, changed)
	}
}

func hexes[T ~[]tlog.Hash](path T) string {
	text := ""
	for _, hash := range path {
		text += " " + hex.EncodeToString(hash[:])
	}
	return text
}

// hashes are a log's, as sumdb/tlog stores them.
type hashes struct {
	stored []tlog.Hash
	size   int64
}

func (h *hashes) add(entry string) {
	more, err := tlog.StoredHashes(h.size, []byte(entry), h)
	if err != nil {
		panic(err)
	}
	h.stored = append(h.stored, more...)
	h.size++
}

func (h *hashes) root() tlog.Hash {
	root, err := tlog.TreeHash(h.size, h)
	if err != nil {
		panic(err)
	}
	return root
}

// ReadHashes is of tlog.HashReader.
func (h *hashes) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		found[i] = h.stored[index]
	}
	return found, nil
}

func seedOf(number byte) []byte { return bytes.Repeat([]byte{number}, 32) }

func sortedKeys(rows map[string]string) []string {
	names := make([]string, 0, len(rows))
	for name := range rows {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
