/**
 * The quality gate's arithmetic: compares what prompts asked for with what the judge saw. Kept apart from the test
 * so that the model card's figures and the test come from the same lines.
 */
import type { JudgedObject, JudgedScene } from './shapes-judge.ts';

/** A scene as a gate prompt asks for it; null where the prompt leaves a detail open. */
export interface ExpectedScene {
  relation: string;
  background: string | null;
  objects: { shape: string; colour: string; size: string | null }[];
}

/** Shares from 0 to 1. Colours, shapes and sizes count objects; relation and background count scenes. */
export interface GateFigures {
  scenes: number;
  objects: number;
  colour: number;
  shape: number;
  relation: number;
  size: number;
  background: number;
  /** Share of right shapes for each shape asked for. */
  shapes: Record<string, number>;
}

interface Verdict {
  isRight: boolean;
  shape?: string;
}

/**
 * Computes the gate's figures over pairs of an expected and a judged scene.
 *
 * Objects are compared place by place (left or top first). A missing object counts as wrong in colour and shape.
 * A relation of a pair is right if the axis is, and the two objects, matched by colour and shape, do not stand the
 * other way round; that of a single object if exactly one object is seen.
 */
export function gateFigures(pairs: readonly { expected: ExpectedScene; judged: JudgedScene }[]): GateFigures {
  const objects = pairs.flatMap(({ expected, judged }) =>
    expected.objects.map((wanted, place) => ({ wanted, seen: judged.objects[place] })),
  );
  const named = (kind: 'colour' | 'shape' | 'size') =>
    objects
      .filter(({ wanted }) => wanted[kind] !== null)
      .map(({ wanted, seen }) => ({ isRight: wanted[kind] === seen?.[kind], shape: wanted.shape }));
  const shapeVerdicts = named('shape');
  const placed = pairs.filter(({ expected }) => expected.background !== null);

  return {
    scenes: pairs.length,
    objects: objects.length,
    colour: shareRight(named('colour')),
    shape: shareRight(shapeVerdicts),
    relation: shareRight(
      pairs.map(({ expected, judged }) => ({ isRight: isRelationRight(expected, judged) })),
    ),
    size: shareRight(named('size')),
    background: shareRight(
      placed.map(({ expected, judged }) => ({ isRight: expected.background === judged.background })),
    ),
    shapes: Object.fromEntries(
      [...new Set(shapeVerdicts.map(({ shape }) => shape))]
        .sort()
        .map((shape) => [shape, shareRight(shapeVerdicts.filter((verdict) => verdict.shape === shape))]),
    ),
  };
}

function isRelationRight(expected: ExpectedScene, judged: JudgedScene): boolean {
  if (expected.relation !== judged.relation) return false;
  const [wantedFirst, wantedSecond] = expected.objects;
  const [seenFirst, seenSecond] = judged.objects;
  const inOrder = likeness(wantedFirst, seenFirst) + likeness(wantedSecond, seenSecond);
  const swapped = likeness(wantedFirst, seenSecond) + likeness(wantedSecond, seenFirst);
  return wantedSecond === undefined || inOrder >= swapped;
}

function likeness(
  wanted: ExpectedScene['objects'][number] | undefined,
  seen: JudgedObject | undefined,
): number {
  return Number(wanted?.colour === seen?.colour) + Number(wanted?.shape === seen?.shape);
}

function shareRight(verdicts: readonly Verdict[]): number {
  return verdicts.filter(({ isRight }) => isRight).length / Math.max(1, verdicts.length);
}
