/** Which token follows, out of the scores of all. */
import { markers } from './scenes-tokenizer.ts';

export interface Sampling {
  /** 0 takes the likeliest token always. */
  readonly temperature: number;
  /** The smallest set of likeliest tokens whose chances reach this is drawn from. */
  readonly topP: number;
}

/** Markers but the end are for the template alone. */
const forbidden: ReadonlySet<number> = new Set([markers.system, markers.user, markers.assistant]);

/**
 * Takes one uniform value where it draws, and none where it takes the likeliest. Null where a score is not finite. Of two
 * tokens with equal scores the lower one counts as likelier.
 */
export function pickToken(
  scores: Float32Array,
  { temperature, topP }: Sampling,
  nextUniform: () => number,
): number | null {
  if (!scores.every(Number.isFinite)) return null;
  const tokens = [...scores.keys()].filter((token) => !forbidden.has(token));
  const scoreOf = (token: number) => scores[token] ?? Number.NEGATIVE_INFINITY;
  const likeliest = tokens.reduce((best, token) => (scoreOf(token) > scoreOf(best) ? token : best));
  if (temperature === 0) return likeliest;

  const weightOf = (token: number) => Math.exp((scoreOf(token) - scoreOf(likeliest)) / temperature);
  const byWeight = tokens
    .map((token) => ({ token, weight: weightOf(token) }))
    .sort((a, b) => b.weight - a.weight || a.token - b.token);
  const total = byWeight.reduce((sum, { weight }) => sum + weight, 0);
  let left = nextUniform() * keptWeight(byWeight, topP * total);
  for (const { token, weight } of byWeight) {
    left -= weight;
    if (left < 0) return token;
  }
  return likeliest;
}

/** Weight of the shortest start of the list that reaches `wanted`. */
function keptWeight(byWeight: readonly { readonly weight: number }[], wanted: number): number {
  let kept = 0;
  for (const { weight } of byWeight) {
    if (kept >= wanted) break;
    kept += weight;
  }
  return kept;
}
