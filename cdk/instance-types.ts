/**
 * GPU instance types that a pool may be made of. Cards, processors and memory are those of the AWS page "Amazon EC2
 * accelerated computing instance types"; the memory of a card is that of `core/models/cards.ts`. Prices are on-demand
 * list prices of Linux in us-east-1 as of {@link pricesOf}; other regions cost more.
 */
import type { cards } from '#core/models/cards.ts';

/** When the prices were noted down. */
export const pricesOf = '2026-11-21';

export interface InstanceType {
  readonly card: keyof typeof cards;
  /** Cards of the instance; a worker holds one. */
  readonly cards: number;
  readonly processors: number;
  readonly memoryMib: number;
  readonly usdMicrosPerHour: number;
}

const gibibyte = 1024;

export const instanceTypes = {
  'g4dn.xlarge': row('t4-16', 1, 4, 16, 526_000),
  'g4dn.2xlarge': row('t4-16', 1, 8, 32, 752_000),
  'g4dn.12xlarge': row('t4-16', 4, 48, 192, 3_912_000),
  'g5.xlarge': row('a10g-24', 1, 4, 16, 1_006_000),
  'g5.2xlarge': row('a10g-24', 1, 8, 32, 1_212_000),
  'g5.4xlarge': row('a10g-24', 1, 16, 64, 1_624_000),
  'g5.12xlarge': row('a10g-24', 4, 48, 192, 5_672_000),
  'g6.xlarge': row('l4-24', 1, 4, 16, 804_800),
  'g6.2xlarge': row('l4-24', 1, 8, 32, 977_600),
  'g6.4xlarge': row('l4-24', 1, 16, 64, 1_323_200),
  'g6.12xlarge': row('l4-24', 4, 48, 192, 4_601_600),
  'g6e.xlarge': row('l40s-48', 1, 4, 32, 1_861_000),
  'g6e.2xlarge': row('l40s-48', 1, 8, 64, 2_242_080),
  'g6e.4xlarge': row('l40s-48', 1, 16, 128, 3_004_240),
  'g6e.12xlarge': row('l40s-48', 4, 48, 384, 10_492_640),
} as const satisfies Record<string, InstanceType>;

export type InstanceTypeName = keyof typeof instanceTypes;

export const instanceTypeNames = Object.keys(instanceTypes) as [InstanceTypeName, ...InstanceTypeName[]];

function row(
  card: InstanceType['card'],
  cardCount: number,
  processors: number,
  memoryGib: number,
  usdMicrosPerHour: number,
): InstanceType {
  return { card, cards: cardCount, processors, memoryMib: memoryGib * gibibyte, usdMicrosPerHour };
}
