/** Collects the names and values of one DynamoDB expression, so that no attribute name can meet a reserved word. */
export interface Expression {
  /** Placeholder of an attribute name. */
  name(attribute: string): string;
  /** Placeholder of a value. */
  value(value: unknown): string;
  /** The two maps of the request; a map without entries is left out, as DynamoDB demands. */
  attributes(): {
    ExpressionAttributeNames?: Record<string, string>;
    ExpressionAttributeValues?: Record<string, unknown>;
  };
}

export function expression(): Expression {
  const names = new Map<string, string>();
  const values: Record<string, unknown> = {};
  let count = 0;
  return {
    name(attribute) {
      const known = names.get(attribute);
      if (known !== undefined) return known;
      const placeholder = `#n${names.size}`;
      names.set(attribute, placeholder);
      return placeholder;
    },
    value(value) {
      const placeholder = `:v${count}`;
      count += 1;
      values[placeholder] = value;
      return placeholder;
    },
    attributes() {
      const byPlaceholder = Object.fromEntries([...names].map(([name, placeholder]) => [placeholder, name]));
      return {
        ...(names.size === 0 ? {} : { ExpressionAttributeNames: byPlaceholder }),
        ...(count === 0 ? {} : { ExpressionAttributeValues: values }),
      };
    },
  };
}
