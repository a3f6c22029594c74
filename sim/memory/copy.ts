/**
 * A deep copy of a record that nobody can change: text, numbers, bytes, lists and plain objects, as a store keeps them. What is
 * such a copy already is its own copy, so a record is copied when it is written and not with each of a hundred thousand
 * reads; whoever tries to change what a store gave it is told so by the language
 * (not of bytes, which cannot be frozen: nothing in the product writes into any).
 */
export function copy<T>(record: T): T {
  // Of the same shape: each branch builds what it took apart.
  return copied(record) as T;
}

/** As {@link copy} of an object that was made this moment and that nobody else has: what it holds is copied, it itself is taken. */
export function taken<T extends object>(record: T): T {
  const fields = record as Record<string, unknown>;
  for (const name of Object.keys(fields)) {
    const inner = fields[name];
    if (typeof inner === 'object' && inner !== null) fields[name] = copied(inner);
  }
  return Object.freeze(record);
}

function copied(value: unknown): unknown {
  // Nothing in the product freezes by halves: what is frozen was made here.
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  if (Array.isArray(value)) return Object.freeze(value.map(copied));
  if (value instanceof Uint8Array) return new Uint8Array(value);
  // Spread: a field named `__proto__` stays a field.
  return taken({ ...value });
}
