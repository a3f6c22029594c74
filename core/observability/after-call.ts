/** Hears of the calls of a port without being in their way. */

type Call = (...args: never[]) => Promise<unknown>;
type CallsOf<Port> = { [Name in keyof Port]: Port[Name] extends Call ? Name : never }[keyof Port];

/** The same port; `tell` hears of every call of the method that did not throw. */
export function after<Port extends object, Name extends CallsOf<Port>>(
  port: Port,
  name: Name,
  tell: Port[Name] extends (...args: infer Args) => Promise<infer Outcome>
    ? (outcome: Outcome, ...args: Args) => void
    : never,
): Port {
  // What `CallsOf` says of it, which the compiler does not follow into a generic type.
  const call = port[name] as unknown as (...args: unknown[]) => Promise<unknown>;
  const told = tell as unknown as (...args: unknown[]) => void;
  return {
    ...port,
    async [name](...args: unknown[]) {
      const outcome = await call(...args);
      told(outcome, ...args);
      return outcome;
    },
  };
}
