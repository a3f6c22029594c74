/** Breadth first through every state that a model can reach; remembers how each was reached, to tell a fault as a story. */
export interface Exploration<State> {
  readonly states: number;
  readonly steps: number;
  /** The shortest way to a state that must not be, step by step, and what is wrong there; null when there is none. */
  readonly fault: { readonly story: readonly string[]; readonly what: string } | null;
  /** States from which no way leads to the goal; empty when none is stuck. */
  readonly stuck: readonly State[];
}

export interface Model<State> {
  readonly first: State;
  /** States with one key are one state. */
  keyOf(state: State): string;
  stepsFrom(state: State): readonly { readonly name: string; readonly next: State }[];
  /** What is wrong with a step, or null. */
  faultOf(before: State, after: State): string | null;
  isGoal(state: State): boolean;
}

interface Seen<State> {
  readonly state: State;
  readonly from: string | null;
  readonly by: string;
  /** Keys of the states that lead here. */
  readonly before: string[];
}

export function explore<State>({
  first,
  keyOf,
  stepsFrom,
  faultOf,
  isGoal,
}: Model<State>): Exploration<State> {
  const seen = new Map<string, Seen<State>>([
    [keyOf(first), { state: first, from: null, by: '', before: [] }],
  ]);
  const queue = [keyOf(first)];
  let steps = 0;
  for (let at = 0; at < queue.length; at += 1) {
    const key = queue[at] ?? '';
    const here = seen.get(key);
    if (here === undefined) continue;
    for (const { name, next } of stepsFrom(here.state)) {
      steps += 1;
      const what = faultOf(here.state, next);
      if (what !== null) {
        return { states: seen.size, steps, fault: { story: [...storyOf(seen, key), name], what }, stuck: [] };
      }
      const nextKey = keyOf(next);
      const known = seen.get(nextKey);
      if (known !== undefined) known.before.push(key);
      else {
        seen.set(nextKey, { state: next, from: key, by: name, before: [key] });
        queue.push(nextKey);
      }
    }
  }
  return { states: seen.size, steps, fault: null, stuck: stuckOf(seen, isGoal) };
}

/** Backwards from the goal: what is not met on the way has no way to it. */
function stuckOf<State>(seen: ReadonlyMap<string, Seen<State>>, isGoal: (state: State) => boolean): State[] {
  const reaching = new Set([...seen].flatMap(([key, { state }]) => (isGoal(state) ? [key] : [])));
  const queue = [...reaching];
  for (let key = queue.pop(); key !== undefined; key = queue.pop()) {
    for (const before of seen.get(key)?.before ?? []) {
      if (reaching.has(before)) continue;
      reaching.add(before);
      queue.push(before);
    }
  }
  return [...seen].flatMap(([key, { state }]) => (reaching.has(key) ? [] : [state]));
}

function storyOf<State>(seen: ReadonlyMap<string, Seen<State>>, key: string): string[] {
  const story: string[] = [];
  for (let at: string | null = key; at !== null; at = seen.get(at)?.from ?? null)
    story.unshift(seen.get(at)?.by ?? '');
  return story.slice(1);
}
