/** The speaker page: a sound is played, and the person says whether it came. */
import type { Devices } from "../devices";
import { h, fill } from "../ui/dom";
import { t } from "../ui/i18n";
import { platform } from "./browser";
import { playChime } from "./chime";
import { buttons, mainButton, quietButton, steps, text, type Frame } from "./frame";
import type { Move } from "./permission";
import { devicePicker } from "./picker";

export async function speakerPage(frame: Frame, devices: Devices): Promise<Move> {
  let heard = await firstSound(frame, devices);
  while (heard === "nothing") heard = await noSound(frame, devices);
  return heard;
}

function firstSound(frame: Frame, devices: Devices): Promise<Move | "nothing"> {
  return frame.show((done) => {
    const answers = h("div", { role: "group", "aria-label": t("Do you hear the sound?") });
    const play = mainButton(t("Play a sound"), () => void sound(), "speaker");
    const sound = async (): Promise<void> => {
      await playChime(devices.value.speaker).catch(() => undefined);
      if (answers.hasChildNodes()) return;
      play.classList.add("lobby__button--quiet");
      const yes = mainButton(t("I hear it"), () => done("next"), "check");
      fill(answers, buttons(yes, quietButton(t("I hear nothing"), () => done("nothing"), "cross")));
      yes.focus();
    };
    return {
      picture: "speaker",
      title: t("Can you hear us?"),
      body: [
        text(t("Press the button. You will hear two soft notes.")),
        buttons(play),
        answers,
        buttons(quietButton(t("Back"), () => done("back"))),
      ],
    };
  });
}

async function noSound(frame: Frame, devices: Devices): Promise<Move | "nothing"> {
  const { speakers } = await devices.list();
  return frame.show((done) => ({
    picture: "speaker",
    title: t("Let us make it louder"),
    body: [
      steps(volumeSteps()),
      devices.canChooseSpeaker
        ? devicePicker(
            t("Speaker"),
            speakers,
            devices.value.speaker,
            (speaker) => {
              devices.setSpeaker(speaker);
              void playChime(speaker).catch(() => undefined);
            },
          )
        : null,
      buttons(
        quietButton(t("Play it again"), () => void playChime(devices.value.speaker).catch(() => undefined), "speaker"),
        mainButton(t("I hear it"), () => done("next"), "check"),
        quietButton(t("Go on without sound"), () => done("next")),
        quietButton(t("Back"), () => done("back")),
      ),
    ],
  }));
}

function volumeSteps(): string[] {
  switch (platform()) {
    case "android":
      return [t("Press the upper volume key on the side of the device several times."), t("Take off the headphones.")];
    case "ios":
      return [
        t("Press the upper volume key on the side of the device several times."),
        t("Look for the small switch on the side: no orange may show."),
        t("Take off the headphones."),
      ];
    case "other":
      return [
        t("Turn up the volume of the computer."),
        t("Are the speakers or headphones plugged in and switched on?"),
      ];
  }
}
