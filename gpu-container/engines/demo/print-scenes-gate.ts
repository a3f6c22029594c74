/**
 * Prints what the chat model says of the picture model's pictures, and how often it is what was asked for:
 * `print-scenes-gate.ts [side] [prompts]`.
 */
import { runScenesGate } from './run-scenes-gate.ts';
import { shapesSizesPx } from './shapes-model.ts';

const [side = '256', count] = process.argv.slice(2);
const size = shapesSizesPx.find((each) => each === Number(side));
if (size === undefined) throw new Error(`a side is one of ${shapesSizesPx.join(', ')}`);
const { figures, answers } = await runScenesGate({
  size,
  count: count === undefined ? undefined : Number(count),
});
for (const { prompt, answer } of answers) process.stdout.write(`${prompt} -> ${answer}\n`);
process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`);
