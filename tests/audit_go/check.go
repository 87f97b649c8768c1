// Command check verifies an exported audit log with Go's own transparency log packages: the signature of
// its checkpoint, every entry against the tiles, every tile against the root, inclusion and consistency
// proofs made from the tiles, and proofs made by others.
//
// Usage: check FOLDER [OLDER-CHECKPOINT [PROOFS.json]]
package main

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// path gives a tile's file: Go writes the tile height into it and calls entries "data"; tlog-tiles does not.
func path(folder string, tile tlog.Tile) string {
	name := strings.TrimPrefix(tile.Path(), "tile/8/")
	name = strings.Replace(name, "data/", "entries/", 1)
	return filepath.Join(folder, "tile", name)
}

type files struct{ folder string }

func (f files) Height() int { return height }

func (f files) SaveTiles([]tlog.Tile, [][]byte) {}

func (f files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		content, err := os.ReadFile(path(f.folder, tile))
		if err != nil {
			return nil, err
		}
		data[i] = content
	}
	return data, nil
}

// open verifies a signed checkpoint and returns its tree.
func open(file string, verifiers note.Verifiers) (string, tlog.Tree) {
	signed, err := os.ReadFile(file)
	must(err)
	opened, err := note.Open(signed, verifiers)
	must(err)
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		log.Fatalf("%s: a checkpoint has three lines", file)
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := base64.StdEncoding.DecodeString(lines[2])
	must(err)
	var tree tlog.Tree
	tree.N = size
	copy(tree.Hash[:], root)
	return lines[0], tree
}

func main() {
	folder := os.Args[1]
	vkey, err := os.ReadFile(filepath.Join(folder, "vkey"))
	must(err)
	verifier, err := note.NewVerifier(strings.TrimSpace(string(vkey)))
	must(err)
	verifiers := note.VerifierList(verifier)
	origin, tree := open(filepath.Join(folder, "checkpoint"), verifiers)
	if origin != verifier.Name() {
		log.Fatalf("the checkpoint is of %s, the key of %s", origin, verifier.Name())
	}
	// TileHashReader proves every tile it reads against the root before it uses it.
	reader := tlog.TileHashReader(tree, files{folder})
	entries := checkEntries(folder, tree, reader)
	inclusions, consistencies := checkProofs(tree, reader)
	if len(os.Args) > 2 {
		_, older := open(os.Args[2], verifiers)
		proof, err := tlog.ProveTree(tree.N, older.N, reader)
		must(err)
		must(tlog.CheckTree(proof, tree.N, tree.Hash, older.N, older.Hash))
		consistencies++
		if len(os.Args) > 3 {
			checkForeign(os.Args[3], tree, older, reader)
		}
	}
	fmt.Printf("%s: %d entries, %d inclusion and %d consistency proofs verified\n",
		origin, entries, inclusions, consistencies)
}

// checkEntries hashes every entry of every bundle and compares it with its leaf.
func checkEntries(folder string, tree tlog.Tree, reader tlog.HashReader) int64 {
	var index int64
	for number := int64(0); index < tree.N; number++ {
		width := tree.N - number<<height
		if width > 1<<height {
			width = 1 << height
		}
		tile := tlog.Tile{H: height, L: -1, N: number, W: int(width)}
		bundle, err := os.ReadFile(path(folder, tile))
		must(err)
		indexes := make([]int64, width)
		hashes := make([]tlog.Hash, width)
		for i := range hashes {
			if len(bundle) < 2 {
				log.Fatalf("bundle %d is too short", number)
			}
			length := int(binary.BigEndian.Uint16(bundle))
			if len(bundle) < 2+length {
				log.Fatalf("bundle %d is too short", number)
			}
			entry := bundle[2 : 2+length]
			if !json.Valid(entry) {
				log.Fatalf("entry %d is not JSON", index)
			}
			hashes[i] = tlog.RecordHash(entry)
			indexes[i] = tlog.StoredHashIndex(0, index)
			bundle = bundle[2+length:]
			index++
		}
		if len(bundle) != 0 {
			log.Fatalf("bundle %d is too long", number)
		}
		leaves, err := reader.ReadHashes(indexes)
		must(err)
		for i := range leaves {
			if leaves[i] != hashes[i] {
				log.Fatalf("entry %d is not its leaf", number<<height+int64(i))
			}
		}
	}
	return index
}

// checkProofs makes proofs from the tiles, spread over the log, and checks them.
func checkProofs(tree tlog.Tree, reader tlog.HashReader) (int, int) {
	step := tree.N/50 + 1
	inclusions, consistencies := 0, 0
	for at := int64(0); at < tree.N; at += step {
		proof, err := tlog.ProveRecord(tree.N, at, reader)
		must(err)
		leaf, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, at)})
		must(err)
		must(tlog.CheckRecord(proof, tree.N, tree.Hash, at, leaf[0]))
		inclusions++
		older, err := tlog.TreeHash(at+1, reader)
		must(err)
		tied, err := tlog.ProveTree(tree.N, at+1, reader)
		must(err)
		must(tlog.CheckTree(tied, tree.N, tree.Hash, at+1, older))
		consistencies++
	}
	return inclusions, consistencies
}

// checkForeign checks proofs that the log's own software made.
func checkForeign(file string, tree, older tlog.Tree, reader tlog.HashReader) {
	var given struct {
		Inclusion   map[string][][]byte
		Consistency [][]byte
	}
	content, err := os.ReadFile(file)
	must(err)
	must(json.NewDecoder(bytes.NewReader(content)).Decode(&given))
	var tied tlog.TreeProof
	for _, hash := range given.Consistency {
		tied = append(tied, tlog.Hash(*(*[32]byte)(hash)))
	}
	must(tlog.CheckTree(tied, tree.N, tree.Hash, older.N, older.Hash))
	for place, hashes := range given.Inclusion {
		at, err := strconv.ParseInt(place, 10, 64)
		must(err)
		var proof tlog.RecordProof
		for _, hash := range hashes {
			proof = append(proof, tlog.Hash(*(*[32]byte)(hash)))
		}
		leaf, err := reader.ReadHashes([]int64{tlog.StoredHashIndex(0, at)})
		must(err)
		must(tlog.CheckRecord(proof, tree.N, tree.Hash, at, leaf[0]))
	}
}

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
