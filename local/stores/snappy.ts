/** Decompresses one block of Snappy's raw format (google/snappy, format_description.txt). Throws on anything else. */
export function unsnap(input: Uint8Array): Uint8Array {
  const [length, start] = varint(input, 0);
  const output = new Uint8Array(length);
  let at = start;
  let end = 0;
  while (at < input.length) {
    const tag = byteAt(input, at);
    at += 1;
    if ((tag & 3) === 0) {
      const extra = Math.max(0, (tag >> 2) - 59);
      const size = extra === 0 ? (tag >> 2) + 1 : littleEndian(input, at, extra) + 1;
      at += extra;
      if (at + size > input.length || end + size > length) throw new Error('a literal passes the end');
      output.set(input.subarray(at, at + size), end);
      at += size;
      end += size;
      continue;
    }
    const [size, offset, bytes] = copyOf(input, at, tag);
    at += bytes;
    if (offset === 0 || offset > end || end + size > length) throw new Error('a copy from nowhere');
    // Byte by byte: a copy may reach into what it writes.
    for (let index = 0; index < size; index += 1) output[end + index] = output[end + index - offset] ?? 0;
    end += size;
  }
  if (end !== length) throw new Error(`${end} bytes instead of ${length}`);
  return output;
}

/** Size, distance back, and bytes read after the tag. */
function copyOf(input: Uint8Array, at: number, tag: number): [size: number, offset: number, bytes: number] {
  switch (tag & 3) {
    case 1:
      return [((tag >> 2) & 7) + 4, ((tag >> 5) << 8) | byteAt(input, at), 1];
    case 2:
      return [(tag >> 2) + 1, littleEndian(input, at, 2), 2];
    default:
      return [(tag >> 2) + 1, littleEndian(input, at, 4), 4];
  }
}

/** A base-128 number and where it ends. */
export function varint(input: Uint8Array, start: number): [value: number, end: number] {
  let value = 0;
  for (let index = 0; index < 10; index += 1) {
    const byte = byteAt(input, start + index);
    value += (byte & 0x7f) * 2 ** (7 * index);
    if (byte < 0x80) return [value, start + index + 1];
  }
  throw new Error('a number without an end');
}

function littleEndian(input: Uint8Array, at: number, bytes: number): number {
  let value = 0;
  for (let index = 0; index < bytes; index += 1) value += byteAt(input, at + index) * 2 ** (8 * index);
  return value;
}

function byteAt(input: Uint8Array, at: number): number {
  const byte = input[at];
  if (byte === undefined) throw new Error('cut short');
  return byte;
}
