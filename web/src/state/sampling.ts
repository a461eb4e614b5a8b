// The sampling panel's numbers: what each may be, and how they become fields of a request. A number that is not set is left
// to the server.

export interface Sampling {
  temperature?: number;
  top_p?: number;
  top_k?: number;
  min_p?: number;
  max_tokens?: number;
  seed?: number;
  presence_penalty?: number;
  frequency_penalty?: number;
  repetition_penalty?: number;
  thinking_budget?: number;
}

export type SamplingField = keyof Sampling;

export interface FieldRule {
  field: SamplingField;
  min: number;
  max: number;
  step: number;
  integer: boolean;
}

const rule = (field: SamplingField, min: number, max: number, step: number): FieldRule => ({
  field,
  min,
  max,
  step,
  integer: Number.isInteger(step),
});

export const SAMPLING_RULES: readonly FieldRule[] = [
  rule('temperature', 0, 2, 0.05),
  rule('top_p', 0.01, 1, 0.01),
  rule('top_k', 0, 1000, 1),
  rule('min_p', 0, 1, 0.01),
  rule('max_tokens', 1, 1048576, 1),
  rule('thinking_budget', 0, 1048576, 1),
  rule('seed', 0, 4294967295, 1),
  rule('presence_penalty', -2, 2, 0.1),
  rule('frequency_penalty', -2, 2, 0.1),
  rule('repetition_penalty', 0.1, 2, 0.05),
];

/** The number in a text field: undefined where it is empty, null where the rule does not allow it. */
export function readNumber(rule: FieldRule, text: string): number | undefined | null {
  const trimmed = text.trim();
  if (trimmed === '') return undefined;
  if (!/^[+-]?(\d+\.?\d*|\.\d+)$/.test(trimmed)) return null;
  const value = Number(trimmed);
  if (value < rule.min || value > rule.max || (rule.integer && !Number.isInteger(value))) return null;
  return value;
}

/** Keeps what is a valid setting of an object from outside (an import, an older version's store). */
export function cleanSampling(value: unknown): Sampling {
  const given = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  const clean: Sampling = {};
  for (const each of SAMPLING_RULES) {
    const number = given[each.field];
    if (typeof number === 'number' && readNumber(each, String(number)) !== null) clean[each.field] = number;
  }
  return clean;
}
