// Compares a GGUF file as `@huggingface/gguf` reads it with what `jaju gguf show --json` says of it: every key, type and
// value of the metadata, every tensor's name, type, shape and place.
//
//   node read_oracle.mjs FILE.gguf SHOWN.json
import assert from 'node:assert/strict'
import fs from 'node:fs'
import { GGMLQuantizationType, GGUFValueType, gguf } from '@huggingface/gguf'

const [file, shownFile] = process.argv.slice(2)
const shown = JSON.parse(fs.readFileSync(shownFile, 'utf8'))
const read = await gguf(file, { allowLocalFile: true, typedMetadata: true })

const typeNames = {
  [GGUFValueType.UINT8]: 'u8', [GGUFValueType.INT8]: 'i8', [GGUFValueType.UINT16]: 'u16', [GGUFValueType.INT16]: 'i16',
  [GGUFValueType.UINT32]: 'u32', [GGUFValueType.INT32]: 'i32', [GGUFValueType.FLOAT32]: 'f32', [GGUFValueType.BOOL]: 'bool',
  [GGUFValueType.STRING]: 'string', [GGUFValueType.ARRAY]: 'array', [GGUFValueType.UINT64]: 'u64', [GGUFValueType.INT64]: 'i64',
  [GGUFValueType.FLOAT64]: 'f64',
}
const plain = (value) =>
  Array.isArray(value) ? value.map(plain) : typeof value === 'bigint' ? Number(value) : value

const typed = read.typedMetadata
const own = ['version', 'tensor_count', 'kv_count'] // the package's names for the header's numbers
assert.equal(plain(typed.version.value), shown.version)
assert.equal(plain(typed.tensor_count.value), shown.tensors.length)
const keys = Object.keys(typed).filter((key) => !own.includes(key))
assert.equal(plain(typed.kv_count.value), keys.length)
assert.deepEqual(keys.sort(), Object.keys(shown.metadata).sort())
for (const key of keys) {
  const { value, type, subType } = typed[key]
  const ours = shown.metadata[key]
  const name = typeNames[type] === 'array' ? `${typeNames[subType]}[${value.length}]` : typeNames[type]
  assert.equal(ours.type, name, key)
  // Ours is the decimal that was meant; theirs the f32 widened.
  const expected = typeNames[type] === 'f32' ? Math.fround(ours.value) : ours.value
  assert.deepEqual(plain(value), expected, key)
}

assert.equal(read.tensorInfos.length, shown.tensors.length)
const dataBegin = Number(read.tensorDataOffset)
read.tensorInfos.forEach((theirs, i) => {
  const ours = shown.tensors[i]
  assert.equal(theirs.name, ours.name)
  assert.equal(GGMLQuantizationType[theirs.dtype], ours.type, ours.name)
  assert.deepEqual(theirs.shape.map(Number).reverse(), ours.shape, ours.name)
  assert.equal(Number(theirs.offset) + dataBegin, ours.offset, ours.name)
})
console.log(`${file}: ${keys.length} keys and ${shown.tensors.length} tensors, read alike`)
