// An act's picture in a box of fixed shape, so that nothing moves when it arrives. Clients may upload what is no picture: then a sign.
import { useState } from 'preact/hooks';
import { Icon } from '../parts/icon.tsx';

interface PictureProps {
  readonly src: string;
  readonly alt: string;
  readonly kind: 'thumbnail' | 'large';
}

export function Picture({ src, alt, kind }: PictureProps) {
  const [state, setState] = useState<'loading' | 'shown' | 'broken'>('loading');
  return (
    <span class={`picture ${kind} ${state}`}>
      {state === 'broken' ? (
        <span class="no-picture" role="img" aria-label="No picture">
          <Icon name="picture" />
        </span>
      ) : (
        <img
          src={src}
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
