import { Button, Group, Kbd, NativeSelect, Stack, Textarea } from '@mantine/core';
import { useState } from 'react';
import { qualityTexts } from '../../messages/quality-texts.ts';
import { useKeys } from '../../parts/use-keys.ts';
import type { Grade } from './use-grade-queue.ts';

const text = qualityTexts.grading;

/** The scores that a person gives by a button or a key. */
const SCORES = [
  { score: 0, label: text.wrong, key: '1' },
  { score: 0.5, label: text.partly, key: '2' },
  { score: 1, label: text.right, key: '3' },
] as const;
const SKIP = 's';

type GradeFormProps = {
  graders: readonly string[];
  /** The grade that is changed. */
  earlier: Grade | undefined;
  grader: string;
  isBusy: boolean;
  chooseGrader(name: string): void;
  grade(given: Grade): void;
  skip(): void;
};

/** The question, the reason, and a button for each score. */
export function GradeForm(props: GradeFormProps) {
  const { graders, earlier, grader, isBusy } = props;
  const [comment, setComment] = useState(earlier?.comment ?? '');
  const give = (score: number) => props.grade({ score, comment, grader });
  useKeys([
    ...SCORES.map(({ score, key }) => [key, () => give(score)] as const),
    [SKIP, props.skip] as const,
  ]);
  return (
    <Stack gap="sm">
      {graders.length > 0 && (
        <NativeSelect
          label={text.question}
          data={[
            { value: '', label: text.whole },
            ...graders.map((name) => ({ value: name, label: name })),
          ]}
          value={grader}
          onChange={(event) => props.chooseGrader(event.currentTarget.value)}
        />
      )}
      <Textarea
        label={text.comment}
        value={comment}
        onChange={(event) => setComment(event.currentTarget.value)}
        autosize
        minRows={2}
        maxRows={10}
      />
      <Group gap="xs">
        {SCORES.map(({ score, label, key }) => (
          <Button
            key={key}
            variant={earlier?.score === score ? 'filled' : 'default'}
            disabled={isBusy}
            rightSection={<Kbd size="xs">{key}</Kbd>}
            onClick={() => give(score)}
          >
            {label}
          </Button>
        ))}
        <Button
          variant="subtle"
          rightSection={<Kbd size="xs">{SKIP.toUpperCase()}</Kbd>}
          onClick={props.skip}
        >
          {earlier ? text.keep : text.skip}
        </Button>
      </Group>
    </Stack>
  );
}
