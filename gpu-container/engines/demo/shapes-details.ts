/**
 * Lets the seed choose what a prompt leaves open: a colour, a size, a background, or the whole scene.
 *
 * The network knows open details too, but in few steps it blends them: a ring of no colour came out half blue and
 * half yellow. A chosen detail is drawn cleanly, and another seed chooses another.
 */
import { seededUniform } from './shapes-noise.ts';
import { relationToken, specialToken, vocabulary, type WordKind } from './shapes-vocabulary.ts';

/** Kinds of the eight slots, in order. */
const slotKinds = ['background', 'relation', 'shape', 'colour', 'size', 'shape', 'colour', 'size'] as const;
const firstColourSlot = 3;
const secondColourSlot = 6;

/**
 * Returns slots with every "any" replaced by a seeded choice, the same for the same seed; null slots become a scene
 * of one object. Two objects get different colours where the prompt does not say otherwise.
 * Throws RangeError for a seed out of range.
 */
export function settleSlots(slots: readonly number[], seed: number): number[] {
  const nextUniform = seededUniform(seed, 'details');
  const open = slots.every((token) => token === vocabulary.nullToken) ? openScene() : slots;
  const settled = [...open];
  for (const [slot, kind] of slotKinds.entries()) {
    // One draw per slot whether used or not: a detail does not change when the prompt settles another.
    const draw = nextUniform();
    if (kind === 'relation' || !isOpen(kind, settled[slot])) continue;
    const taken = slot === secondColourSlot ? settled[firstColourSlot] : undefined;
    settled[slot] = choose(kind, draw, slot === firstColourSlot ? open[secondColourSlot] : taken);
  }
  return settled;
}

/** One object of which nothing is known: the shape slot holds the null token. */
function openScene(): number[] {
  return [
    specialToken('background', 'any'),
    relationToken('single'),
    vocabulary.nullToken,
    specialToken('colour', 'any'),
    specialToken('size', 'any'),
    ...(['shape', 'colour', 'size'] as const).map((kind) => specialToken(kind, 'none')),
  ];
}

function isOpen(kind: WordKind, token: number | undefined): boolean {
  return token === vocabulary.nullToken || token === vocabulary[kind].special.any;
}

function choose(kind: WordKind, draw: number, taken: number | undefined): number {
  const tokens = vocabulary[kind].entries.map((entry) => entry.token).filter((token) => token !== taken);
  return tokens[Math.floor(draw * tokens.length)] ?? vocabulary.nullToken;
}
