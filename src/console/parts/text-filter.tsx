import { TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';

type TextFilterProps = {
  label: string;
  placeholder: string;
  /** The condition that is applied; empty for none. */
  value: string;
  change(value: string): void;
  width?: number;
  isValid?(text: string): boolean;
  /** The fault to show for a text that is not valid. */
  fault?: string;
};

/**
 * A condition that is a text. It is applied by Enter, or when the field is left, if it differs. The
 * field stays the same one, so that it keeps the focus.
 */
export function TextFilter(props: TextFilterProps) {
  const { label, placeholder, value, change, width = 160, isValid = () => true, fault } = props;
  const [written, setWritten] = useState(value);
  useEffect(() => setWritten(value), [value]);
  const next = written.trim();
  const isInvalid = next !== '' && !isValid(next);
  const apply = () => {
    if (!isInvalid && next !== value.trim()) change(next);
  };
  return (
    <TextInput
      aria-label={label}
      placeholder={placeholder}
      value={written}
      onChange={(event) => setWritten(event.currentTarget.value)}
      onBlur={apply}
      onKeyDown={(event) => event.key === 'Enter' && apply()}
      error={isInvalid ? fault : undefined}
      size="xs"
      w={width}
    />
  );
}
