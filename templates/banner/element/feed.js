// The feed: one for each endpoint on a page, however often the element is moved, removed or made anew.
// It fetches the notices of whoever the token names, hears of new ones, and reports what the reader did.

const PATIENCE = 2000; // ms for one answer, token included; after that nothing is shown
const POLL = 60000;
const SELDOM = 900000;
const SILENCE = 60000; // the stream says something every 20 s; after this long it is dead
const LATER = 600000; // when to try a stream again that was refused or dead
const feeds = new Map();

const spread = (ms) => ms * (0.8 + Math.random() * 0.4);

/** Run `work(signal)`; after `PATIENCE` abort it and throw, whether it listens to the signal or not. */
async function patiently(work) {
  const stop = new AbortController();
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => {
      stop.abort();
      fail(new Error("no answer in time"));
    }, PATIENCE);
  });
  try {
    return await Promise.race([work(stop.signal), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** What a token says of itself. It is the server that verifies it. */
function claims(token) {
  try {
    const part = token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/");
    return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(part), (char) => char.charCodeAt(0))));
  } catch {
    return {};
  }
}

class Feed {
  static at(base) {
    if (!feeds.has(base)) feeds.set(base, new Feed(base));
    return feeds.get(base);
  }

  constructor(base) {
    this.base = base;
    this.users = new Set();
    this.lang = "";
    this.source = null;
    this.waiting = [];
    this.forget();
    document.addEventListener("visibilitychange", () => (document.hidden ? this.rest() : this.wake()));
    addEventListener("pagehide", () => this.flush(true));
    addEventListener("pageshow", (event) => event.persisted && this.wake());
  }

  /** Show nothing until the next answer: nothing of one account may be seen by the next. */
  forget() {
    this.turn = (this.turn || 0) + 1;
    this.answer = this.held = null;
    this.failures = 0;
    this.draw();
  }

  draw() {
    for (const user of this.users) user.draw();
  }

  join(user) {
    if (this.users.has(user)) return;
    this.users.add(user);
    if (this.users.size === 1) this.wake();
    user.draw();
  }

  /** An element that is moved leaves and joins at once, so resting waits for the end of the task. */
  leave(user) {
    this.users.delete(user);
    this.draw();
    setTimeout(() => {
      if (this.users.size) return;
      this.rest();
      this.forget();
    }, 0);
  }

  /** Take tokens from `source` from now on. */
  use(source, lang) {
    this.source = source;
    this.lang = lang;
    this.forget();
    this.wake();
  }

  async token(signal) {
    if (this.held && Date.now() < this.until) return this.held;
    const token = await this.source(signal);
    const { sub, iat, exp } = claims(token);
    if (token !== this.last) {
      // Counted from now on, because the reader's clock may be wrong. An expired token gets an empty answer,
      // which must not be taken for "no notices".
      this.end = Date.now() + (exp - iat) * 1000;
      this.last = token;
    } else if (!(Date.now() < this.end)) throw new Error("no fresh token");
    if (sub !== this.sub) {
      if (this.sub) this.forget();
      this.waiting = [];
      this.told = new Set();
      this.sub = sub;
    }
    this.held = token;
    this.until = this.end - Math.min(30, (exp - iat) / 2) * 1000;
    return token;
  }

  call(path, init) {
    return patiently(async (signal) => {
      const token = await this.token(signal);
      const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
      const turn = this.turn;
      const response = await fetch(this.base + path, { cache: "no-store", credentials: "omit", ...init, headers, signal });
      if (!response.ok) throw new Error(`answer ${response.status}`);
      const answer = await response.json();
      if (turn !== this.turn) throw new Error("another account");
      return answer;
    });
  }

  /** Fetch the notices. Trouble leaves what is shown as it is, and the page untouched. */
  async refresh() {
    clearTimeout(this.next);
    try {
      const answer = await this.call(`notices${this.lang && `?lang=${encodeURIComponent(this.lang)}`}`);
      if (!Array.isArray(answer.notices)) throw new Error("no list");
      this.answer = answer;
      this.answered = true; // Whatever the server had rendered into the page is out of date from now on.
      this.failures = 0;
      this.draw();
    } catch (error) {
      if (!this.failures++) console.debug(`notice-banner: ${error.message}`);
      for (const user of this.users) user.tell("error", {});
    }
    if (this.users.size && !document.hidden) {
      const often = this.stream ? SELDOM : Math.min(SELDOM, POLL * 2 ** Math.min(this.failures, 5));
      this.next = setTimeout(() => this.refresh(), spread(often));
    }
  }

  wake() {
    if (!this.source || !this.users.size || document.hidden) return;
    this.refresh().then(() => this.listen());
    this.flush();
  }

  rest() {
    clearTimeout(this.next);
    clearTimeout(this.retry);
    this.stream?.abort();
    this.flush(true);
  }

  /** Hear of changes. EventSource cannot send a token in a header, and URLs end up in logs: so fetch. */
  async listen() {
    if (this.stream || document.hidden || !this.users.size || this.failures) return;
    const stop = (this.stream = new AbortController());
    let quiet;
    let again = LATER;
    const alive = () => {
      clearTimeout(quiet);
      quiet = setTimeout(() => stop.abort(), SILENCE);
    };
    clearTimeout(this.retry);
    try {
      alive();
      const headers = { Authorization: `Bearer ${await this.token(stop.signal)}` };
      const response = await fetch(`${this.base}stream`, { headers, signal: stop.signal, cache: "no-store", credentials: "omit" });
      if (response.status !== 200) throw new Error("refused");
      const lines = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (let tail = ""; ; ) {
        const { done, value } = await lines.read();
        if (done) break;
        again = 1000; // It worked: the server ends it with the token's life.
        alive();
        tail += value;
        if (tail.includes("event: changed\n")) {
          clearTimeout(this.next);
          this.next = setTimeout(() => this.refresh(), Math.random() * 1000);
        }
        tail = tail.slice(tail.lastIndexOf("\n") + 1).slice(-64);
      }
    } catch {
      // Polling goes on.
    }
    clearTimeout(quiet);
    stop.abort();
    this.stream = null;
    if (this.users.size && !document.hidden) this.retry = setTimeout(() => this.wake(), spread(again));
  }

  /** Report an event; resolves to whether the server has recorded it. */
  report({ reference, revision, lang }, event, once) {
    const key = `${reference} ${revision} ${event}`;
    if (once && this.told.has(key)) return Promise.resolve(true);
    if (once) this.told.add(key);
    const id = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    return new Promise((settle) => {
      this.waiting.push({ said: { id, reference, revision, event, lang }, settle });
      this.flush();
    });
  }

  /** Hand over what waits. A request that was begun outlives the page (keepalive). */
  async flush(leaving) {
    const batch = this.waiting.filter((one) => !one.going).slice(0, 20);
    if (!batch.length || (this.busy && !leaving)) return; // One after the other: opened, then acknowledged.
    clearTimeout(this.again);
    const events = batch.map((one) => one.said);
    if (leaving && this.held && !("keepalive" in Request.prototype)) {
      navigator.sendBeacon(`${this.base}events`, new Blob([JSON.stringify({ token: this.held, form: "element", events })]));
      return;
    }
    for (const one of batch) one.going = true;
    this.busy = true;
    try {
      const body = JSON.stringify({ form: "element", events });
      const { recorded } = await this.call("events", { method: "POST", body, keepalive: true });
      this.busy = false;
      this.refused = 0;
      for (const one of batch) this.settle(one, recorded.includes(one.said.id));
      this.flush();
    } catch {
      this.busy = false;
      for (const one of batch) one.going = false;
      this.refused = Math.min((this.refused || 0) + 1, 6);
      this.again = setTimeout(() => this.flush(), spread(1000 * 2 ** this.refused));
      for (const user of this.users) user.waits();
    }
  }

  /** A refusal may be of a token that has just expired: try once with a fresh one. */
  settle(one, recorded) {
    if (recorded || one.tried) {
      this.waiting = this.waiting.filter((other) => other !== one);
      one.settle(recorded);
    } else {
      one.tried = true;
      one.going = false;
      this.held = null;
    }
  }
}
