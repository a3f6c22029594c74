import { describe, expect, it } from 'vitest';
import { runShapesGate } from './run-shapes-gate.ts';
import { type ExpectedScene, gateFigures } from './shapes-gate.ts';
import type { JudgedScene } from './shapes-judge.ts';

const gateScenesMin = 300;

const ringAboveSquare: ExpectedScene = {
  relation: 'stacked',
  background: 'dark',
  objects: [
    { shape: 'ring', colour: 'red', size: null },
    { shape: 'square', colour: 'blue', size: 'large' },
  ],
};

describe('the quality gate on held-back prompts', () => {
  it('draws right colours (98 %), shapes (92 %) and relations (95 %) as an independent judge sees them', async () => {
    const figures = await runShapesGate({ steps: 8 });

    expect(figures.scenes).toBeGreaterThanOrEqual(gateScenesMin);
    expect(figures.colour, JSON.stringify(figures)).toBeGreaterThanOrEqual(0.98);
    expect(figures.shape, JSON.stringify(figures)).toBeGreaterThanOrEqual(0.92);
    expect(figures.relation, JSON.stringify(figures)).toBeGreaterThanOrEqual(0.95);
  }, 240_000);
});

describe('gateFigures', () => {
  it('gives full marks to a scene that shows what was asked', () => {
    const figures = gateFigures([
      { expected: ringAboveSquare, judged: scene('stacked', 'ring red', 'square blue') },
    ]);

    expect(figures).toMatchObject({ scenes: 1, objects: 2, colour: 1, shape: 1, relation: 1, size: 1 });
  });

  it('calls a relation wrong when the objects stand the other way round', () => {
    const figures = gateFigures([
      { expected: ringAboveSquare, judged: scene('stacked', 'square blue', 'ring red') },
    ]);

    expect(figures.relation).toBe(0);
  });

  it('calls a relation wrong when the axis differs', () => {
    const figures = gateFigures([
      { expected: ringAboveSquare, judged: scene('beside', 'ring red', 'square blue') },
    ]);

    expect(figures.relation).toBe(0);
  });

  it('counts a missing object as wrong in colour and shape', () => {
    const figures = gateFigures([{ expected: ringAboveSquare, judged: scene('single', 'ring red') }]);

    expect(figures).toMatchObject({ colour: 0.5, shape: 0.5, relation: 0 });
  });
});

function scene(relation: string, ...objects: string[]): JudgedScene {
  return {
    relation,
    background: 'dark',
    objects: objects.map((words) => {
      const [shape = '', colour = ''] = words.split(' ');
      return { shape, colour, size: 'large' };
    }),
  };
}
