/** Ports that answer as late as services across a network do. */
import type { Clock } from '#core/ports/process.ts';

/** The port with every method waiting `latencyMs()` before it acts. */
export function slowPort<P extends object>(port: P, clock: Clock, latencyMs: () => number): P {
  const methods = Object.entries(port).map(([name, method]) => {
    const slow = async (...asked: unknown[]) => {
      await clock.sleep(latencyMs());
      return method.apply(port, asked);
    };
    return [name, slow];
  });
  // Every member of a storage port is a method that resolves later, so the same names with the same promises are a P.
  return Object.fromEntries(methods) as P;
}
