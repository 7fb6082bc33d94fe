// Merkle trees after RFC 9162 section 2.1. Sizes go beyond 32 bits, so they are divided, not shifted.

import { sha256 } from "@noble/hashes/sha2.js";

import { concat, equal, type Bytes } from "../e2ee/bytes";

export class MerkleError extends Error {}

export const EMPTY_ROOT = hash(new Uint8Array());

export function hash(...parts: Uint8Array[]): Bytes {
  return sha256(concat(...parts)) as Bytes;
}

export const leafHash = (data: Uint8Array): Bytes => hash(Uint8Array.of(0), data);

export const nodeHash = (left: Uint8Array, right: Uint8Array): Bytes => hash(Uint8Array.of(1), left, right);

const half = (size: number): number => Math.floor(size / 2);
const odd = (size: number): boolean => size % 2 === 1;

/** A tree that grows: the hashes of its perfect subtrees from left to right. */
export class CompactRange {
  size = 0;
  private hashes: Bytes[] = [];

  append(leaf: Bytes): void {
    let top = leaf;
    for (let size = this.size; odd(size); size = half(size)) top = nodeHash(this.hashes.pop() as Bytes, top);
    this.hashes.push(top);
    this.size += 1;
  }

  root(): Bytes {
    return this.hashes.length ? this.hashes.reduceRight((right, left) => nodeHash(left, right)) : EMPTY_ROOT;
  }
}

/** Throws a MerkleError unless `leaf` is entry `index` of the tree of this size and root (RFC 9162 section 2.1.3.2). */
export function verifyInclusion(index: number, size: number, leaf: Bytes, proof: Bytes[], root: Bytes): void {
  if (index >= size) throw new MerkleError("no such entry");
  checkLengths(leaf, root, ...proof);
  let [fn, sn, result] = [index, size - 1, leaf];
  for (const step of proof) {
    if (sn === 0) throw new MerkleError("too long");
    if (odd(fn) || fn === sn) {
      result = nodeHash(step, result);
      while (!odd(fn) && fn) [fn, sn] = [half(fn), half(sn)];
    } else {
      result = nodeHash(result, step);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  if (sn !== 0) throw new MerkleError("too short");
  if (!equal(result, root)) throw new MerkleError("not in the tree");
}

/** Throws a MerkleError unless the tree of `size2` began as the one of `size1` (RFC 9162 section 2.1.4.2). */
export function verifyConsistency(size1: number, size2: number, root1: Bytes, root2: Bytes, proof: Bytes[]): void {
  if (size1 > size2) throw new MerkleError("shrunk");
  checkLengths(root1, root2, ...proof);
  if (size1 === 0 || size1 === size2) {
    const same = equal(root1, size1 === size2 ? root2 : EMPTY_ROOT) && (size2 !== 0 || equal(root2, EMPTY_ROOT));
    if (proof.length || !same) throw new MerkleError("not one growing tree");
    return;
  }
  const steps = isPowerOfTwo(size1) ? [root1, ...proof] : [...proof];
  const start = steps.shift();
  if (!start) throw new MerkleError("too short");
  let [fn, sn] = [size1 - 1, size2 - 1];
  while (odd(fn)) [fn, sn] = [half(fn), half(sn)];
  let [first, second] = [start, start];
  for (const step of steps) {
    if (sn === 0) throw new MerkleError("too long");
    if (odd(fn) || fn === sn) {
      [first, second] = [nodeHash(step, first), nodeHash(step, second)];
      while (!odd(fn) && fn) [fn, sn] = [half(fn), half(sn)];
    } else {
      second = nodeHash(second, step);
    }
    [fn, sn] = [half(fn), half(sn)];
  }
  if (sn !== 0) throw new MerkleError("too short");
  if (!equal(first, root1) || !equal(second, root2)) throw new MerkleError("not one growing tree");
}

function isPowerOfTwo(size: number): boolean {
  let rest = size;
  while (rest > 1 && !odd(rest)) rest = half(rest);
  return rest === 1;
}

function checkLengths(...hashes: Uint8Array[]): void {
  if (hashes.some((each) => each.length !== 32)) throw new MerkleError("a hash has 32 bytes");
}
