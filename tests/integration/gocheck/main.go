// Gocheck says whether an exported audit log is what its checkpoint promises, by the
// transparency log code of the Go project: golang.org/x/mod/sumdb/note and sumdb/tlog.
//
//	gocheck -log FOLDER -entries FILE -key VKEY [-before CHECKPOINT] [-proof FILE]
//
// FOLDER holds "checkpoint" (C2SP tlog-checkpoint) and "tile/..." (C2SP tlog-tiles);
// FILE holds one entry a line, its bytes without the newline. All of it is checked:
// the signature, the root over all entries, every tile, proofs of sampled entries, that the
// log grew out of each checkpoint given with -before, and each C2SP tlog-proof.
//
// Exit code 0: nothing is wrong. 1: the first problem, in words. 2: used wrongly.
package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	tileHeight = 8
	// Entries are at most 65,535 bytes; a longer line is refused by the scanner.
	maxLine = 1 << 17
	samples = 64
)

type texts []string

func (t *texts) String() string { return strings.Join(*t, " ") }

func (t *texts) Set(text string) error {
	*t = append(*t, text)
	return nil
}

type auditLog struct {
	folder  string
	keys    note.Verifiers
	origin  string
	tree    tlog.Tree
	entries []tlog.Hash
	// stored are the hashes that Go computes from the entries, tiles those it reads.
	stored []tlog.Hash
	tiles  tlog.HashReader
}

func main() {
	folder := flag.String("log", "", "`folder` with checkpoint and tiles")
	entries := flag.String("entries", "", "`file` with one entry a line")
	var keys, before, proofs texts
	flag.Var(&keys, "key", "verifier `key` of the log; may be given again")
	flag.Var(&before, "before", "earlier checkpoint `file`; may be given again")
	flag.Var(&proofs, "proof", "`file` with a proof of one entry; may be given again")
	flag.Parse()
	if *folder == "" || *entries == "" || len(keys) == 0 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	size, err := check(*folder, *entries, keys, before, proofs)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Printf("%d entries are what was signed\n", size)
}

func check(folder, entries string, keys, before, proofs texts) (int64, error) {
	l := &auditLog{folder: folder}
	var verifiers []note.Verifier
	for _, vkey := range keys {
		verifier, err := note.NewVerifier(vkey)
		if err != nil {
			return 0, fmt.Errorf("key: %v", err)
		}
		verifiers = append(verifiers, verifier)
	}
	l.keys = note.VerifierList(verifiers...)

	signed, err := os.ReadFile(filepath.Join(folder, "checkpoint"))
	if err != nil {
		return 0, err
	}
	if l.origin, l.tree, err = l.open(signed); err != nil {
		return 0, fmt.Errorf("checkpoint: %v", err)
	}
	l.tiles = tlog.TileHashReader(l.tree, l)

	for _, step := range []func() error{
		func() error { return l.read(entries) },
		l.checkRoot,
		l.checkTiles,
		l.checkSamples,
	} {
		if err := step(); err != nil {
			return 0, err
		}
	}
	for _, file := range before {
		if err := l.checkBefore(file); err != nil {
			return 0, fmt.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
	for _, file := range proofs {
		if err := l.checkProof(file); err != nil {
			return 0, fmt.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
	return l.tree.N, nil
}

// open returns what a checkpoint says that the log itself has signed.
func (l *auditLog) open(signed []byte) (origin string, tree tlog.Tree, err error) {
	opened, err := note.Open(signed, l.keys)
	if err != nil {
		return "", tree, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) < 4 {
		return "", tree, errors.New("not a checkpoint")
	}
	origin = lines[0]
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil || tree.N < 0 {
		return "", tree, errors.New("the size is malformed")
	}
	if tree.Hash, err = tlog.ParseHash(lines[2]); err != nil {
		return "", tree, err
	}
	for _, signature := range opened.Sigs {
		if signature.Name == origin {
			return origin, tree, nil
		}
	}
	return "", tree, errors.New("not signed by the log's own key")
}

// read hashes the entries and everything above them.
func (l *auditLog) read(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		hash := tlog.RecordHash(lines.Bytes())
		index := int64(len(l.entries))
		hashes, err := tlog.StoredHashesForRecordHash(index, hash, tlog.HashReaderFunc(l.readStored))
		if err != nil {
			return err
		}
		l.entries = append(l.entries, hash)
		l.stored = append(l.stored, hashes...)
	}
	return lines.Err()
}

func (l *auditLog) readStored(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		if index >= int64(len(l.stored)) {
			return nil, errors.New("there are fewer entries")
		}
		hashes[i] = l.stored[index]
	}
	return hashes, nil
}

func (l *auditLog) checkRoot() error {
	if have := int64(len(l.entries)); have != l.tree.N {
		return fmt.Errorf("the checkpoint is of %d entries, there are %d", l.tree.N, have)
	}
	root, err := l.root(l.tree.N)
	if err != nil {
		return err
	}
	if root == l.tree.Hash {
		return nil
	}
	return fmt.Errorf("the entries have another root than the checkpoint; %v", l.firstOther())
}

// firstOther asks the tiles, which Go authenticates against the root, which entry it is.
func (l *auditLog) firstOther() error {
	for start := int64(0); start < l.tree.N; start += 1 << tileHeight {
		var indexes []int64
		for i := start; i < l.tree.N && i < start+1<<tileHeight; i++ {
			indexes = append(indexes, tlog.StoredHashIndex(0, i))
		}
		hashes, err := l.tiles.ReadHashes(indexes)
		if err != nil {
			return fmt.Errorf("tiles of entry %d and those behind: %v", start, err)
		}
		for i, hash := range hashes {
			if hash != l.entries[start+int64(i)] {
				return fmt.Errorf("entry %d is not the one in the tree", start+int64(i))
			}
		}
	}
	return errors.New("the tiles have that root too")
}

// root returns the root of the first entries, by Go.
func (l *auditLog) root(size int64) (tlog.Hash, error) {
	if size == 0 {
		return sha256.Sum256(nil), nil
	}
	return tlog.TreeHash(size, tlog.HashReaderFunc(l.readStored))
}

// checkTiles compares every tile with what Go makes of the entries, whose root is known to
// be the signed one. Go's TileHashReader alone would not do: where two subtrees of the root
// lie in one tile, that of golang.org/x/mod 0.7 takes as many others as it finds.
func (l *auditLog) checkTiles() error {
	tiles := tlog.NewTiles(tileHeight, 0, l.tree.N)
	for i, tile := range tiles {
		if i+1 < len(tiles) && tiles[i+1].L == tile.L && tiles[i+1].N == tile.N {
			continue // A width that the tile had while it grew.
		}
		expected, err := tlog.ReadTileData(tile, tlog.HashReaderFunc(l.readStored))
		if err != nil {
			return err
		}
		data, err := l.ReadTiles([]tlog.Tile{tile})
		if err != nil {
			return err
		}
		if !bytes.Equal(data[0], expected) {
			return fmt.Errorf("%s is not the tile of the entries", pathOf(tile))
		}
	}
	return nil
}

// checkSamples proves entries, and growth, spread over the log, the ends among them.
func (l *auditLog) checkSamples() error {
	for sample := int64(0); sample < samples && l.tree.N > 0; sample++ {
		index := sample * (l.tree.N - 1) / (samples - 1)
		proof, err := tlog.ProveRecord(l.tree.N, index, l.tiles)
		if err != nil {
			return fmt.Errorf("entry %d: %v", index, err)
		}
		if err := tlog.CheckRecord(proof, l.tree.N, l.tree.Hash, index, l.entries[index]); err != nil {
			return fmt.Errorf("entry %d: %v", index, err)
		}
		root, err := l.root(index + 1)
		if err != nil {
			return err
		}
		if err := l.checkGrowth(tlog.Tree{N: index + 1, Hash: root}); err != nil {
			return err
		}
	}
	return nil
}

func (l *auditLog) checkGrowth(before tlog.Tree) error {
	if before.N > l.tree.N {
		return fmt.Errorf("the log had %d entries before, now it has %d", before.N, l.tree.N)
	}
	if before.N == 0 {
		return nil
	}
	proof, err := tlog.ProveTree(l.tree.N, before.N, l.tiles)
	if err != nil {
		return fmt.Errorf("growth from %d: %v", before.N, err)
	}
	if err := tlog.CheckTree(proof, l.tree.N, l.tree.Hash, before.N, before.Hash); err != nil {
		return fmt.Errorf("growth from %d: %v", before.N, err)
	}
	return nil
}

func (l *auditLog) checkBefore(file string) error {
	signed, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	origin, before, err := l.open(signed)
	if err != nil {
		return err
	}
	if origin != l.origin {
		return errors.New("of another log")
	}
	return l.checkGrowth(before)
}

// checkProof takes a C2SP tlog-proof apart and lets Go check it.
func (l *auditLog) checkProof(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	end := bytes.Index(data, []byte("\n\n"))
	if end < 0 {
		return errors.New("not a proof")
	}
	lines := strings.Split(string(data[:end]), "\n")
	if len(lines) > 1 && strings.HasPrefix(lines[1], "extra ") {
		lines = append(lines[:1], lines[2:]...)
	}
	if len(lines) < 2 || lines[0] != "c2sp.org/tlog-proof@v1" || !strings.HasPrefix(lines[1], "index ") {
		return errors.New("not a proof")
	}
	index, err := strconv.ParseInt(lines[1][len("index "):], 10, 64)
	if err != nil || index < 0 || index >= int64(len(l.entries)) {
		return errors.New("the index is malformed")
	}
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		hash, err := base64.StdEncoding.DecodeString(line)
		if err != nil || len(hash) != tlog.HashSize {
			return errors.New("a hash is malformed")
		}
		proof = append(proof, *(*tlog.Hash)(hash))
	}
	origin, tree, err := l.open(data[end+2:])
	if err != nil {
		return err
	}
	if origin != l.origin {
		return errors.New("of another log")
	}
	return tlog.CheckRecord(proof, tree.N, tree.Hash, index, l.entries[index])
}

// Height, ReadTiles and SaveTiles make the log the tlog.TileReader of its folder.
func (l *auditLog) Height() int { return tileHeight }

func (l *auditLog) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		read, err := os.ReadFile(filepath.Join(l.folder, filepath.FromSlash(pathOf(tile))))
		if err != nil {
			return nil, err
		}
		data[i] = read
	}
	return data, nil
}

func (l *auditLog) SaveTiles([]tlog.Tile, [][]byte) {}

// pathOf names a tile as C2SP does, which has one height only and leaves it out.
func pathOf(tile tlog.Tile) string {
	return strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", tileHeight), "tile/", 1)
}
