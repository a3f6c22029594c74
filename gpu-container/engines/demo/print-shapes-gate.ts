/** Prints the gate's figures for each number of steps or guidance given: `print-shapes-gate.ts [steps] [guidance]`. */
import { runShapesGate } from './run-shapes-gate.ts';

const [steps = '8', guidance = '2'] = process.argv.slice(2);
const figures = await runShapesGate({ steps: Number(steps), guidance: Number(guidance) });
process.stdout.write(`${JSON.stringify({ steps, guidance, ...figures }, null, 2)}\n`);
