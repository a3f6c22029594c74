/** Events in order of time; of equal times, the one pushed first comes first. */
export interface EventHeap<T> {
  push(atMs: number, event: T): void;
  /** Removes the earliest; null when there is none. */
  pop(): { readonly atMs: number; readonly event: T } | null;
  /** When the earliest happens; infinity when there is none. */
  nextAtMs(): number;
}

interface Node<T> {
  readonly atMs: number;
  readonly order: number;
  readonly event: T;
}

export function createEventHeap<T>(): EventHeap<T> {
  const nodes: Node<T>[] = [];
  let pushed = 0;
  return {
    push(atMs, event) {
      pushed += 1;
      siftUp(nodes, { atMs, order: pushed, event });
    },
    nextAtMs: () => nodes[0]?.atMs ?? Number.POSITIVE_INFINITY,
    pop() {
      const first = nodes[0];
      const last = nodes.pop();
      if (first === undefined || last === undefined) return null;
      if (last !== first) siftDown(nodes, last);
      return first;
    },
  };
}

/** Adds a node at the end and moves it towards the root. */
function siftUp<T>(nodes: Node<T>[], node: Node<T>): void {
  let index = nodes.length;
  while (index > 0) {
    const parentIndex = (index - 1) >> 1;
    const parent = nodes[parentIndex];
    if (parent === undefined || comesFirst(parent, node)) break;
    nodes[index] = parent;
    index = parentIndex;
  }
  nodes[index] = node;
}

/** Puts a node at the root and moves it towards the leaves. */
function siftDown<T>(nodes: Node<T>[], node: Node<T>): void {
  let index = 0;
  for (;;) {
    const left = nodes[2 * index + 1];
    const right = nodes[2 * index + 2];
    if (left === undefined) break;
    const useRight = right !== undefined && comesFirst(right, left);
    const child = useRight ? right : left;
    if (comesFirst(node, child)) break;
    nodes[index] = child;
    index = 2 * index + (useRight ? 2 : 1);
  }
  nodes[index] = node;
}

function comesFirst<T>(left: Node<T>, right: Node<T>): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order);
}
