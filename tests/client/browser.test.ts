import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { appBrowser, chromeIntent, fit, platformOf, safariAddress, type Ground } from "../../web/client/lobby/browser";

const CHROME_ANDROID =
  "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Mobile Safari/537.36";
const SAFARI_IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
  "Version/17.5 Mobile/15E148 Safari/604.1";
const IPHONE_WEB_VIEW =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148";
const ANDROID_WEB_VIEW =
  "Mozilla/5.0 (Linux; Android 12; SM-A125F; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 " +
  "Chrome/120.0.0.0 Mobile Safari/537.36";
const FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Safari/605.1.15";

const good: Ground = {
  userAgent: FIREFOX,
  touchPoints: 0,
  secure: true,
  hasMediaDevices: true,
  hasPeerConnection: true,
};

describe("the browser", () => {
  it("is sent away from a messenger that says its name", () => {
    const apps: [string, string][] = [
      [`${ANDROID_WEB_VIEW} [FB_IAB/FB4A;FBAV/450.0]`, "Facebook"],
      [`${IPHONE_WEB_VIEW} [FBAN/FBIOS;FBAV/400.0]`, "Facebook"],
      [`${IPHONE_WEB_VIEW} Instagram 300.0.0`, "Instagram"],
      [`${ANDROID_WEB_VIEW} Viber/20.1`, "Viber"],
      [`${ANDROID_WEB_VIEW} Telegram-Android/11.2`, "Telegram"],
      [`${ANDROID_WEB_VIEW} WhatsApp/2.24`, "WhatsApp"],
      [`${IPHONE_WEB_VIEW} Safari Line/14.0`, "Line"],
    ];
    for (const [userAgent, name] of apps) {
      assert.equal(appBrowser(userAgent), name);
      assert.equal(fit({ ...good, userAgent }), "in_app");
    }
  });

  it("is sent away from an app that hides its name", () => {
    assert.equal(appBrowser(ANDROID_WEB_VIEW), "");
    assert.equal(appBrowser(IPHONE_WEB_VIEW), "");
  });

  it("may stay when it is a real one", () => {
    for (const userAgent of [CHROME_ANDROID, SAFARI_IPHONE, FIREFOX, MAC]) {
      assert.equal(appBrowser(userAgent), null);
      assert.equal(fit({ ...good, userAgent }), "fits");
    }
  });

  it("is not trusted without a protected address, devices and connections", () => {
    assert.equal(fit({ ...good, secure: false }), "insecure");
    assert.equal(fit({ ...good, hasMediaDevices: false }), "unsupported");
    assert.equal(fit({ ...good, hasPeerConnection: false }), "unsupported");
  });

  it("tells an iPad from a Mac by its touch points", () => {
    assert.equal(platformOf(MAC, 5), "ios");
    assert.equal(platformOf(MAC, 0), "other");
    assert.equal(platformOf(CHROME_ANDROID, 5), "android");
  });

  it("keeps the fragment, where the invitation is, on the way into another browser", () => {
    const href = "https://example.org/call#i=abc_-123";
    assert.equal(
      chromeIntent(href),
      "intent://example.org/call#i=abc_-123#Intent;scheme=https;package=com.android.chrome;end",
    );
    assert.equal(safariAddress(href), "x-safari-https://example.org/call#i=abc_-123");
  });
});
