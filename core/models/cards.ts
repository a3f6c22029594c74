/**
 * Cards that workers may have, by the name that `pilotlight capacity --gpu` takes. Memory is the nominal figure of
 * NVIDIA's data sheet of each card in units of 10^6 bytes; drivers report a little more. Instances are those of the
 * AWS page "Amazon EC2 accelerated computing instance types" that hold the card whole.
 */
export interface Card {
  readonly memoryMb: number;
  readonly instances: readonly string[];
}

export const cards = {
  't4-16': { memoryMb: 16_000, instances: ['g4dn'] },
  'l4-24': { memoryMb: 24_000, instances: ['g6', 'gr6'] },
  'a10g-24': { memoryMb: 24_000, instances: ['g5'] },
  'a100-40': { memoryMb: 40_000, instances: ['p4d'] },
  'l40s-48': { memoryMb: 48_000, instances: ['g6e'] },
  'a100-80': { memoryMb: 80_000, instances: ['p4de'] },
  'h100-80': { memoryMb: 80_000, instances: ['p5'] },
  'h200-141': { memoryMb: 141_000, instances: ['p5e', 'p5en'] },
} as const satisfies Record<string, Card>;

/** As the table has them. */
export const cardNames = Object.keys(cards) as [keyof typeof cards, ...(keyof typeof cards)[]];

/** Null for a name that is not in the table. */
export function findCard(name: string): Card | null {
  const byName: Readonly<Record<string, Card>> = cards;
  return Object.hasOwn(cards, name) ? (byName[name] ?? null) : null;
}
