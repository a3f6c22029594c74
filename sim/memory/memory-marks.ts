/** `Marks` in memory. */
import type { Mark, Marks } from '#core/ports/marks.ts';
import type { Clock } from '#core/ports/process.ts';

export function createMemoryMarks({ clock }: { readonly clock: Pick<Clock, 'nowMs'> }): Marks {
  const marks = new Map<string, Mark>();
  const standing = (tenantId: string, name: string) => {
    const mark = marks.get(`${tenantId}/${name}`);
    return mark === undefined || clock.nowMs() >= mark.untilMs ? null : mark;
  };
  return {
    async get(tenantId, name) {
      return standing(tenantId, name);
    },
    async put(mark) {
      const { tenantId, name, version } = mark;
      if ((standing(tenantId, name)?.version ?? 0) !== version - 1) return 'conflict';
      marks.set(`${tenantId}/${name}`, mark);
      return 'stored';
    },
  };
}
