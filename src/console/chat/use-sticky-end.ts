import { type RefObject, useEffect } from 'react';

/** Distance from the end up to which the end stays in view, in pixels. */
const NEAR = 80;

/** Keeps the end of a scrolled area in view while it grows, unless somebody scrolled up. */
export function useStickyEnd(frame: RefObject<HTMLElement | null>): void {
  useEffect(() => {
    const area = frame.current;
    if (!area) return;
    let isAtEnd = true;
    const look = () => {
      isAtEnd = area.scrollHeight - area.scrollTop - area.clientHeight < NEAR;
    };
    const stay = () => {
      if (isAtEnd) area.scrollTop = area.scrollHeight;
    };
    area.addEventListener('scroll', look, { passive: true });
    const content = new MutationObserver(stay);
    content.observe(area, { childList: true, characterData: true, subtree: true });
    return () => {
      area.removeEventListener('scroll', look);
      content.disconnect();
    };
  }, [frame]);
}
