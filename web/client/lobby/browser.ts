/** Whether this browser can hold a call, and the way out of a messenger's own browser. */

export type Platform = "android" | "ios" | "other";
export type Fit = "fits" | "in_app" | "unsupported" | "insecure";

/** What is to be judged; `ground()` takes it from the page. */
export type Ground = {
  readonly userAgent: string;
  /** iPads call themselves Macintosh; only their touch points tell. */
  readonly touchPoints: number;
  readonly secure: boolean;
  readonly hasMediaDevices: boolean;
  readonly hasPeerConnection: boolean;
};

const IN_APP: readonly (readonly [RegExp, string])[] = [
  [/\bFBAN\/|\bFBAV\/|\bFB_IAB\//, "Facebook"],
  [/\bInstagram\b/, "Instagram"],
  [/\bViber\b/i, "Viber"],
  [/\bTelegram\b/i, "Telegram"],
  [/\bWhatsApp\b/i, "WhatsApp"],
  [/\bLine\//, "Line"],
  [/\bMicroMessenger\b/, "WeChat"],
  [/\bSnapchat\b/, "Snapchat"],
  [/\bBytedanceWebview\b|\bmusical_ly\b|\bTikTok\b/, "TikTok"],
];

export function platformOf(userAgent: string, touchPoints: number): Platform {
  if (/Android/i.test(userAgent)) return "android";
  if (/iPhone|iPad|iPod/.test(userAgent) || (/Macintosh/.test(userAgent) && touchPoints > 1)) return "ios";
  return "other";
}

/** The app whose own browser this is; "" for an app that does not say its name; null for a real browser. */
export function appBrowser(userAgent: string): string | null {
  for (const [pattern, name] of IN_APP) if (pattern.test(userAgent)) return name;
  if (/Android/i.test(userAgent) && /; wv\)/.test(userAgent)) return "";
  // On iOS every real browser ends its name with Safari; a web view inside an app does not.
  if (/iPhone|iPad|iPod/.test(userAgent) && /AppleWebKit/.test(userAgent) && !/Safari\//.test(userAgent)) return "";
  return null;
}

export function fit(ground: Ground): Fit {
  if (appBrowser(ground.userAgent) !== null) return "in_app";
  if (!ground.secure) return "insecure";
  return ground.hasMediaDevices && ground.hasPeerConnection ? "fits" : "unsupported";
}

/** An address that Android opens in Chrome, the fragment (which carries the invitation) included. */
export function chromeIntent(href: string): string {
  const scheme = href.slice(0, href.indexOf(":"));
  return `intent:${href.slice(scheme.length + 1)}#Intent;scheme=${scheme};package=com.android.chrome;end`;
}

/** An address that iOS 17 and later opens in Safari from inside another app. */
export function safariAddress(href: string): string {
  return `x-safari-${href}`;
}

/** What this page stands on. */
export function ground(): Ground {
  return {
    userAgent: navigator.userAgent,
    touchPoints: navigator.maxTouchPoints,
    secure: isSecureContext,
    hasMediaDevices: typeof navigator.mediaDevices?.getUserMedia === "function",
    hasPeerConnection: typeof RTCPeerConnection === "function",
  };
}

/** The platform of this page. */
export function platform(): Platform {
  return platformOf(navigator.userAgent, navigator.maxTouchPoints);
}
