// Where messages appear; also the live region that has them read aloud.
import { connection } from '../api/connection.ts';
import { Icon } from '../parts/icon.tsx';
import { dismiss, messages } from './messages.ts';

export function MessageArea() {
  return (
    <div class="messages" role="status" aria-live="polite">
      {messages.value.map(({ id, tone, text, action }) => (
        <div key={id} class={`message ${tone}`}>
          <p dir="auto">{text}</p>
          {action && (
            <button type="button" class="button small" onClick={action.run}>
              {action.label}
            </button>
          )}
          <button type="button" class="icon-button" aria-label="Dismiss" onClick={() => dismiss(id)}>
            <Icon name="close" />
          </button>
        </div>
      ))}
    </div>
  );
}

export function ConnectionBanner() {
  const words = {
    online: '',
    offline: 'You are offline. Showing what was seen before.',
    unreachable: 'The service cannot be reached right now. Showing what was seen before.',
  }[connection.value];
  return (
    <div class="connection" role="status">
      {words !== '' && (
        <p>
          <Icon name="cloud" />
          {words}
        </p>
      )}
    </div>
  );
}
