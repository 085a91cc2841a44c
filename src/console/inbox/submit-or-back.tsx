import { Button, Group } from '@mantine/core';
import { messages } from '../messages/messages.ts';

type SubmitOrBackProps = {
  label: string;
  submit(): void;
  back(): void;
  isBusy: boolean;
  isDisabled?: boolean;
  /** True for what cannot be undone, which is shown in red. */
  isFinal?: boolean;
  autoFocus?: boolean;
};

/** The buttons below a part of a form: one that sends it, and one that leads back. */
export function SubmitOrBack({ label, submit, back, isBusy, ...options }: SubmitOrBackProps) {
  const { isDisabled = false, isFinal = false, autoFocus = false } = options;
  return (
    <Group gap="xs">
      <Button
        onClick={submit}
        disabled={isDisabled}
        loading={isBusy}
        autoFocus={autoFocus}
        {...(isFinal && { color: 'red.9' })}
      >
        {label}
      </Button>
      <Button variant="default" onClick={back}>
        {messages.common.back}
      </Button>
    </Group>
  );
}
