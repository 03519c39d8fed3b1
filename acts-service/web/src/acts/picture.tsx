// An act's picture in a box of fixed shape, so that nothing moves when it arrives. Clients may upload what is no picture: then a sign.
import { useEffect, useState } from 'preact/hooks';
import { Icon } from '../parts/icon.tsx';

interface PictureProps {
  readonly src: string;
  readonly alt: string;
  readonly kind: 'thumbnail' | 'large';
  /** Whether the reader is rushing past: then it is only asked for if it stays in view for a moment. */
  readonly isPassing?: boolean;
}

const momentMs = 120;

export function Picture({ src, alt, kind, isPassing = false }: PictureProps) {
  const [isWanted, setWanted] = useState(!isPassing);
  useEffect(() => {
    if (isWanted) return;
    const timer = setTimeout(() => setWanted(true), momentMs);
    return () => clearTimeout(timer);
  }, []);
  const [state, setState] = useState<'loading' | 'shown' | 'broken'>('loading');
  return (
    <span class={`picture ${kind} ${state}`}>
      {state === 'broken' ? (
        <span class="no-picture" role="img" aria-label="No picture">
          <Icon name="picture" />
        </span>
      ) : (
        <img
          {...(isWanted && { src })}
          alt={alt}
          width={4}
          height={3}
          loading={kind === 'thumbnail' ? 'lazy' : 'eager'}
          decoding="async"
          onLoad={() => setState('shown')}
          onError={() => setState('broken')}
        />
      )}
    </span>
  );
}
