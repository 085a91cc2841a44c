import { Button, Group } from '@mantine/core';
import { rowTexts } from '../../messages/row-texts.ts';

type PageButtonsProps = {
  /** The cursor of the page; absent on the first one. */
  after: string | null | undefined;
  /** The cursor of the next page, if there is one. */
  next: string | null | undefined;
  show(after: string | undefined): void;
};

/** The buttons of a list that lead to its first and to its next page. */
export function PageButtons({ after, next, show }: PageButtonsProps) {
  return (
    <Group mt="sm" gap="xs">
      {after && (
        <Button variant="default" size="xs" onClick={() => show(undefined)}>
          {rowTexts.newer}
        </Button>
      )}
      {next && (
        <Button variant="default" size="xs" onClick={() => show(next)}>
          {rowTexts.older}
        </Button>
      )}
    </Group>
  );
}
