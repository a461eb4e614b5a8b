import { useEffect, useId, useState } from 'preact/hooks';
import { strings } from '../i18n';
import { readNumber, type FieldRule } from '../state/sampling';

interface Props {
  rule: FieldRule;
  value: number | undefined;
  onChange: (value: number | undefined) => void;
}

/** A number of the sampling panel. A text the rule does not allow is kept, explained, and not used. */
export function NumberField({ rule, value, onChange }: Props) {
  const t = strings.value;
  const id = useId();
  const [text, setText] = useState(value === undefined ? '' : String(value));
  const wrong = readNumber(rule, text) === null;
  useEffect(() => {
    if (readNumber(rule, text) !== value) setText(value === undefined ? '' : String(value)); // changed from elsewhere
  }, [value]);
  const take = (next: string) => {
    setText(next);
    const read = readNumber(rule, next);
    if (read !== null) onChange(read);
  };
  const step = (event: KeyboardEvent, direction: number) => {
    event.preventDefault();
    const from = value ?? (direction > 0 ? rule.min : rule.max);
    const to = Math.min(rule.max, Math.max(rule.min, from + direction * rule.step));
    take(String(Number(to.toFixed(4))));
  };
  return (
    <div class="number-field">
      <label for={id}>{t.fieldNames[rule.field]}</label>
      <input
        id={id}
        inputMode={rule.integer ? 'numeric' : 'decimal'}
        autocomplete="off"
        placeholder={t.serverDefault}
        value={text}
        aria-invalid={wrong}
        aria-describedby={`${id}-hint`}
        onInput={(event) => take(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'ArrowUp') step(event, 1);
          else if (event.key === 'ArrowDown') step(event, -1);
        }}
      />
      <p id={`${id}-hint`} class={wrong ? 'wrong' : 'hint'}>
        {wrong ? t.badNumber(rule.min, rule.max, rule.integer) : t.fieldHints[rule.field]}
      </p>
    </div>
  );
}
