// The element <notice-banner>. It makes every node itself and sets text only: nothing is parsed as markup,
// so it works under Trusted Types and a policy without inline styles or scripts.

const ICON = "M12 2 3 5.5v6c0 5 3.8 8.9 9 10.5 5.2-1.6 9-5.5 9-10.5v-6L12 2Zm-1 5h2v7h-2V7Zm0 8.5h2v2h-2v-2Z";
const HERE = new URL(".", import.meta.url).href;

function make(name, attributes, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) made.setAttribute(key, value);
  made.append(...children.filter(Boolean));
  return made;
}

function icon() {
  const space = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(space, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", fill: "currentColor", "aria-hidden": "true" }))
    svg.setAttribute(key, value);
  svg.append(document.createElementNS(space, "path"));
  svg.firstChild.setAttribute("d", ICON);
  return svg;
}

/** A link may lead to https or stay on this site. */
function safe(url) {
  const target = new URL(url, location.href);
  return target.protocol === "https:" || target.origin === location.origin ? target.href : undefined;
}

class NoticeBanner extends HTMLElement {
  static observedAttributes = ["token", "token-src", "endpoint", "lang"];

  constructor() {
    super();
    this.root = this.attachShadow({ mode: "open" });
    this.at = 0;
    // The fragment of a server that rendered one stands inside the element, until there is an answer.
    this.slotted = make("slot", {});
    // A live region speaks of what changes in it, so it is there before there is anything to say.
    this.speaker = make("p", { role: "status", class: "unseen" });
    this.root.append(this.slotted, this.speaker);
    dress(this.root, `${CSS}.unseen{position:absolute;inline-size:1px;block-size:1px;margin:-1px;overflow:hidden;clip-path:inset(50%)}`);
    this.sight = new IntersectionObserver(([entry]) => this.watch(entry.intersectionRatio >= 0.5), { threshold: [0, 0.5] });
    this.measure = new ResizeObserver(() => {
      reserve(this.card);
      // What scrolls can be reached with the keyboard; what does not is no stop on the way.
      const scroll = this.card.querySelector(".scroll");
      if (scroll.scrollHeight > scroll.clientHeight) scroll.tabIndex = 0;
      else scroll.removeAttribute("tabindex");
    });
    document.addEventListener("visibilitychange", () => this.watch(this.inSight));
  }

  connectedCallback() {
    this.begin();
  }

  disconnectedCallback() {
    this.watch(false);
    this.feed?.leave(this);
    reserve(null);
  }

  attributeChangedCallback() {
    if (this.isConnected) this.begin();
  }

  /** Set `tokens` to a function that returns a token, or a promise of one, where no address gives any. */
  set tokens(source) {
    this.given = source;
    if (this.isConnected) this.begin();
  }

  /** Ask now: after another account signed in without a new page. */
  refresh() {
    if (this.feed?.source) this.feed.use(this.feed.source, this.feed.lang);
  }

  begin() {
    const feed = Feed.at(new URL(this.getAttribute("endpoint") || HERE, location.href).href.replace(/\/?$/, "/"));
    if (feed !== this.feed) this.feed?.leave(this);
    this.feed = feed;
    const [token, address] = [this.getAttribute("token"), this.getAttribute("token-src")];
    const lang = this.getAttribute("lang") || document.documentElement.lang;
    const fetched = async (signal) => {
      const response = await fetch(address, { signal, cache: "no-store", headers: { Accept: "application/jwt" } });
      if (/^4/.test(response.status)) feed.forget(); // Signed out.
      if (!response.ok) throw new Error("no token");
      return (await response.text()).trim();
    };
    const kind = `${token} ${address} ${lang}`;
    if ((this.given || address || token) && (feed.kind !== kind || feed.given !== this.given)) {
      feed.kind = kind;
      feed.given = this.given;
      feed.use(this.given || (address ? fetched : () => token), lang);
    }
    feed.join(this);
  }

  tell(name, notice) {
    const { reference, revision, severity } = notice;
    this.dispatchEvent(new CustomEvent(name, { detail: { reference, revision, severity }, bubbles: name !== "error", composed: true }));
  }

  /** Bring what is shown in line with the feed. A second element on a page stays empty. */
  draw() {
    const answer = this.feed?.users.values().next().value === this && this.feed.answer;
    if (!answer) return this.clear(!this.feed?.answered);
    this.words = answer.words;
    const notices = answer.notices;
    this.at = Math.max(0, notices.findIndex((one) => one.reference === this.shown?.reference));
    const notice = notices[this.at];
    if (!notice) return this.thanks ? this.farewell() : this.clear(false);
    // Not how far the reader has come: a card that is made anew loses the press that is just being made on it.
    const looks = JSON.stringify([{ ...notice, state: 0 }, notices.length, this.at, answer.lang]);
    if (looks === this.looks && this.card) return undefined;
    const same = this.shown?.reference === notice.reference && this.shown.revision === notice.revision;
    if (!same) this.unfolded = false;
    this.looks = looks;
    this.shown = notice;
    this.paint(answer, same);
    if (!same) {
      if (!this.take(notice)) this.speak(`${this.words[notice.severity]}: ${notice.title}`);
      this.tell("shown", notice);
    }
    return undefined;
  }

  /** A critical notice that its reader has not seen takes the focus, once, and only where nothing has it. */
  take({ reference, revision, severity, form, state }) {
    const { told } = this.feed;
    const key = `${reference} ${revision} focus`;
    if (severity !== "critical" || form === "slim" || state.visible || told.has(key) || document.activeElement !== document.body) return false;
    told.add(key);
    this.card.querySelector("#title").focus({ preventScroll: true });
    return true;
  }

  clear(slotted) {
    if (this.card) this.swap(null);
    this.shown = this.looks = null;
    if (!slotted) this.slotted.remove();
    return undefined;
  }

  paint({ lang, dir, notices }, same) {
    const { words, shown: notice, unfolded } = this;
    const slim = notice.form === "slim" && !unfolded;
    const many = notices.length > 1;
    const head = make("p", { class: "head" }, icon(), make("span", {}, words[notice.severity]),
      many && make("i", {}, words.of.replace("{n}", this.at + 1).replace("{total}", notices.length)));
    const text = make("div", { lang: notice.lang, dir: notice.dir }, make("h2", { id: "title", tabindex: "-1" }, notice.title),
      make("p", { class: "summary" }, notice.summary),
      notice.effective && make("p", { class: "when", lang, dir }, notice.effective),
      notice.sign_in_first && make("p", { class: "when", lang, dir }, words.sign_in));
    const body = make("div", { id: "body", class: "body" });
    body.hidden = !unfolded;
    for (const { heading, paragraphs, steps } of notice.sections)
      body.append(...[heading && make("h3", {}, heading), ...paragraphs.map((one) => make("p", {}, one)),
        steps.length && make("ol", {}, ...steps.map((one) => make("li", {}, one)))].filter(Boolean));
    const href = notice.action && safe(notice.action.url);
    if (href) body.append(make("p", { class: "go" }, make("a", { href }, notice.action.label)));
    body.append(make("p", { class: "reference", lang, dir }, `${words.reference}: `, make("bdi", {}, notice.reference)));
    text.append(body);
    const scroll = make("div", { class: "scroll", role: "group", "aria-labelledby": "title" }, head, text);
    const can = (event) => notice.may.includes(event);
    this.note = make("p", { class: "note" });
    this.note.hidden = true;
    const acts = make("div", { class: "acts" }, this.note,
      can("acknowledged") && unfolded && this.button("acknowledged", words.acknowledge, "first"),
      this.button("open", unfolded ? words.less : words.read, unfolded ? "" : "first", { "aria-expanded": unfolded, "aria-controls": "body" }),
      can("snoozed") && this.button("snoozed", words.snooze, ""),
      can("dismissed") && this.button("dismissed", words.dismiss, ""),
      many && this.button("next", words.next, "plain"));
    const state = `${slim ? " slim" : ""}${unfolded ? " open" : ""}${same || this.card ? "" : " new"}`;
    this.swap(make("section", { role: "region", class: `nb ${notice.severity}${state}`, "aria-label": words.region, lang, dir },
      words.drill && make("p", { class: "drill" }, words.drill), scroll, acts), unfolded && same);
  }

  button(act, words, kind, more = {}) {
    const made = make("button", { type: "button", class: kind, "data-act": act, ...more }, words);
    made.addEventListener("click", () => this.press(act, made));
    return made;
  }

  /** Replace the card. Focus stays with the control it was on, else goes to the title; it is never taken. */
  swap(card, keep) {
    const focused = this.root.activeElement;
    const height = keep ? this.card?.querySelector(".scroll").scrollTop : 0;
    this.sight.disconnect();
    this.measure.disconnect();
    this.watch(false);
    this.card?.remove();
    this.card = card;
    reserve(card);
    if (card) {
      this.slotted.remove();
      this.root.append(card);
      card.querySelector(".scroll").scrollTop = height || 0;
      card.addEventListener("keydown", (event) => event.key === "Escape" && this.unfolded && this.press("open"));
      card.addEventListener("focusin", ({ relatedTarget }) => {
        if (relatedTarget && !this.root.contains(relatedTarget)) this.cameFrom = relatedTarget;
      });
      this.sight.observe(card);
      this.measure.observe(card);
      if (focused) (card.querySelector(`[data-act=${focused.dataset.act}]`) || card.querySelector("#title"))?.focus({ preventScroll: true });
    } else if (focused && this.cameFrom?.isConnected) this.cameFrom.focus({ preventScroll: true });
  }

  speak(words) {
    this.speaker.textContent = "";
    clearTimeout(this.speaking);
    this.speaking = setTimeout(() => (this.speaker.textContent = words), 150);
  }

  /** Seen is what stood half in view for a second, in a window that was not hidden. */
  watch(inSight) {
    this.inSight = inSight;
    clearTimeout(this.second);
    const notice = this.shown;
    if (inSight && notice && !document.hidden) this.second = setTimeout(() => this.feed.report(notice, "visible", true), 1000);
  }

  repaint() {
    this.looks = null;
    this.draw();
  }

  async press(act, button) {
    const notice = this.shown;
    if (act === "next") {
      const { notices } = this.feed.answer;
      this.shown = { reference: notices[(this.at + 1) % notices.length].reference };
      return this.repaint();
    }
    if (act === "open") {
      this.unfolded = !this.unfolded;
      if (this.unfolded) {
        notice.may = notice.may_opened;
        this.tell("opened", notice);
        this.feed.report(notice, "opened", true);
      }
      return this.repaint();
    }
    if (button.ariaDisabled === "true") return undefined;
    button.setAttribute("aria-disabled", "true");
    const recorded = await this.feed.report(notice, act);
    const { answer } = this.feed;
    if (recorded && answer) {
      const counts = act === "acknowledged" && !notice.sign_in_first;
      this.thanks = counts && this.words.thanks;
      this.tell(act, notice);
      if (this.shown?.reference === notice.reference) this.unfolded = false;
      if (counts || act === "dismissed") answer.notices = answer.notices.filter((one) => one.reference !== notice.reference);
      if (act === "acknowledged") this.speak(this.thanks || this.words.sign_in);
    }
    this.repaint();
    return this.feed.refresh();
  }

  /** Say that something the reader did is not saved yet; it is tried again. */
  waits() {
    if (!this.card?.querySelector("[aria-disabled=true]")) return;
    this.note.textContent = this.words.failed;
    this.note.hidden = false;
    this.speak(this.words.failed);
  }

  /** Confirm for a moment what was acknowledged, then go. */
  farewell() {
    const { lang, dir } = this.feed.answer;
    if (!this.leaving) {
      this.swap(make("section", { role: "region", class: "nb info", "aria-label": this.words.region, lang, dir },
        make("div", { class: "scroll acts" }, make("p", { class: "note", id: "title", tabindex: "-1" }, this.thanks))));
      this.shown = null;
      this.leaving = setTimeout(() => {
        this.leaving = this.thanks = null;
        this.draw();
      }, 4000);
    }
    return undefined;
  }
}

/** Give the shadow tree its style: a constructed sheet, or where there is none a link to the same file. */
function dress(root, css) {
  try {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    root.adoptedStyleSheets = [sheet];
  } catch {
    root.prepend(make("link", { rel: "stylesheet", href: new URL("style.css", HERE) }));
  }
}

/** Tell the page how much of its lower edge is covered, without moving anything on it. */
let covering;
function reserve(card) {
  try {
    covering ??= new CSSStyleSheet();
    const height = card ? card.offsetHeight + 16 : 0;
    covering.replaceSync(height ? `:root{--notice-banner-height:${height}px;scroll-padding-block-end:${height}px}` : "");
    if (!document.adoptedStyleSheets.includes(covering)) document.adoptedStyleSheets = [...document.adoptedStyleSheets, covering];
  } catch {
    // An old browser: the page is left as it is.
  }
}

if (!customElements.get("notice-banner")) customElements.define("notice-banner", NoticeBanner);
