// What is shown instead of content: while it loads, when there is none, when it could not be read.
import type { ComponentChildren } from 'preact';
import { Icon, type IconName } from './icon.tsx';

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <span class="empty-icon">
        <Icon name={icon} />
      </span>
      <h2>{title}</h2>
      {children}
    </div>
  );
}

export function Failed({ problem, onRetry }: { problem: string; onRetry: () => void }) {
  return (
    <div class="failed" role="alert">
      <p>{problem}</p>
      <button type="button" class="button" onClick={onRetry}>
        Try again
      </button>
    </div>
  );
}

/** Grey shapes of what is coming. */
export function Skeletons({ count, shape }: { count: number; shape: 'row' | 'card' }) {
  return (
    <div class={`skeletons ${shape}s`} role="status">
      <span class="visually-hidden">Loading</span>
      {Array.from({ length: count }, (_, index) => (
        <div key={index} class={`skeleton ${shape}`} />
      ))}
    </div>
  );
}
