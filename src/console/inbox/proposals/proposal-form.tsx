import { Button, Group, Kbd, Stack, Text, Textarea } from '@mantine/core';
import { useHotkeys } from '@mantine/hooks';
import { useEffect, useState } from 'react';
import { messages } from '../../messages/messages.ts';
import { FailureAlert } from '../../parts/failure-alert.tsx';
import { approveProposal, rejectProposal } from '../../server/operations.generated.ts';
import { useOpenProposals } from '../../server/waiting/open-proposals.tsx';
import { SubmitOrBack } from '../submit-or-back.tsx';
import { useSend } from '../use-send.ts';
import type { ProposalDetail } from './proposal-detail.ts';

const text = { ...messages.inbox, ...messages.inbox.proposals };
type Mode = 'choose' | 'edit' | 'reject';
type FormProps = { proposal: ProposalDetail; decided(): void };

/** The decision about a proposal. A approves, E corrects the text, R asks before it rejects. */
export function ProposalForm({ proposal: { id, content }, decided }: FormProps) {
  const { reload } = useOpenProposals();
  const { send, failure, isBusy } = useSend(() => {
    decided();
    reload();
  });
  // Somebody else may have decided: the list then loses it, and the panel says what became of it
  useEffect(() => {
    if (failure) reload();
  }, [failure, reload]);
  const [mode, setMode] = useState<Mode>('choose');
  const approve = (changed?: string) =>
    send(approveProposal, { id, ...(changed !== undefined && { content: changed }) });
  const back = () => setMode('choose');
  useHotkeys([
    ['A', () => mode === 'choose' && approve()],
    ['E', () => setMode('edit')],
    ['R', () => setMode('reject')],
  ]);
  return (
    <Stack gap="sm">
      {failure && <FailureAlert failure={failure} />}
      {mode === 'choose' && <Choices {...{ isBusy, setMode }} approve={() => approve()} />}
      {mode === 'edit' && <CorrectedText {...{ content, isBusy, approve, back }} />}
      {mode === 'reject' && (
        <Rejection {...{ isBusy, back }} reject={() => send(rejectProposal, { id })} />
      )}
    </Stack>
  );
}

type ChoicesProps = { isBusy: boolean; approve(): void; setMode(mode: Mode): void };

function Choices({ isBusy, approve, setMode }: ChoicesProps) {
  const others = [
    { mode: 'edit', key: 'E', label: text.edit },
    { mode: 'reject', key: 'R', label: text.reject },
  ] as const;
  return (
    <Group gap="xs">
      <Button onClick={approve} loading={isBusy} rightSection={<Kbd size="xs">A</Kbd>}>
        {text.approve}
      </Button>
      {others.map(({ mode, key, label }) => (
        <Button
          key={mode}
          variant="default"
          onClick={() => setMode(mode)}
          disabled={isBusy}
          rightSection={<Kbd size="xs">{key}</Kbd>}
        >
          {label}
        </Button>
      ))}
    </Group>
  );
}

type CorrectedTextProps = {
  content: string;
  isBusy: boolean;
  approve(changed?: string): void;
  back(): void;
};

function CorrectedText({ content, isBusy, approve, back }: CorrectedTextProps) {
  const [written, setWritten] = useState(content);
  return (
    <>
      <Textarea
        label={text.corrected}
        value={written}
        onChange={(event) => setWritten(event.currentTarget.value)}
        autosize
        minRows={2}
        maxRows={12}
        autoFocus
      />
      <SubmitOrBack
        label={text.approve}
        submit={() => approve(written === content ? undefined : written)}
        isDisabled={written.trim() === ''}
        {...{ back, isBusy }}
      />
    </>
  );
}

type RejectionProps = { isBusy: boolean; reject(): void; back(): void };

function Rejection({ isBusy, reject, back }: RejectionProps) {
  return (
    <>
      <Text size="sm">{text.confirmReject}</Text>
      <SubmitOrBack label={text.reject} submit={reject} isFinal autoFocus {...{ back, isBusy }} />
    </>
  );
}
