import { Anchor } from '@mantine/core';
import { Link } from 'wouter';
import { messages } from '../../messages/messages.ts';
import { basePage } from '../knowledge-rows.ts';

/** Knowledge bases by name, each with a link to its page. */
export function BaseLinks({ names }: { names: readonly string[] }) {
  if (names.length === 0) return messages.common.none;
  return names.map((name, index) => (
    <span key={name}>
      {index > 0 && ', '}
      <Anchor component={Link} href={basePage(name)} size="sm" className="row-part">
        {name}
      </Anchor>
    </span>
  ));
}
