/** At most so many things at a time, in the order they were asked for. */
export interface Slots {
  run<T>(task: () => Promise<T>): Promise<T>;
}

export function createSlots(count: number): Slots {
  let free = count;
  const waiting: (() => void)[] = [];
  return {
    async run(task) {
      if (free > 0) free -= 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        return await task();
      } finally {
        const next = waiting.shift();
        // Handed on, so that nobody who asks just now comes before one that waits.
        if (next === undefined) free += 1;
        else next();
      }
    },
  };
}
