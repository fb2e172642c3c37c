// The player's words in Vietnamese and English.

const ENGLISH = {
  player: "Video player",
  play: "Play",
  pause: "Pause",
  replay: "Play again",
  mute: "Mute",
  unmute: "Unmute",
  volume: "Volume",
  seek: "Position",
  captions: "Captions",
  settings: "Settings",
  off: "Off",
  audio: "Sound",
  track: (number) => `Track ${number}`,
  quality: "Quality",
  automatic: "Automatic",
  speed: "Speed",
  normal: "Normal",
  pip: "Picture in picture",
  leavePip: "Leave picture in picture",
  fullscreen: "Full screen",
  leaveFullscreen: "Leave full screen",
  posterOf: (title) => `A picture from ${title}`,
  of: (time, duration) => `${time} of ${duration}`,
  prepared: "Prepared",
  missing: "This video has not arrived yet",
  received: "This video will be prepared in a moment",
  again: "This video will be tried again in a moment",
  processing: (percent) => `Being prepared, ${percent} %`,
  failed: "This video could not be prepared",
  withdrawn: "This video is no longer available",
  later: "This browser can play the video once all of it is prepared",
  unplayable: "This browser can’t play the video",
  broken: "The video could not be loaded. Check the connection and try again",
  hours: "hours",
  minutes: "minutes",
  seconds: "seconds",
};

const VIETNAMESE = {
  player: "Trình phát video",
  play: "Phát",
  pause: "Tạm dừng",
  replay: "Xem lại",
  mute: "Tắt tiếng",
  unmute: "Bật tiếng",
  volume: "Âm lượng",
  seek: "Vị trí",
  captions: "Phụ đề",
  settings: "Cài đặt",
  off: "Tắt",
  audio: "Âm thanh",
  track: (number) => `Đường tiếng ${number}`,
  quality: "Chất lượng",
  automatic: "Tự động",
  speed: "Tốc độ",
  normal: "Chuẩn",
  pip: "Thu nhỏ vào góc màn hình",
  leavePip: "Thoát chế độ thu nhỏ",
  fullscreen: "Toàn màn hình",
  leaveFullscreen: "Thoát toàn màn hình",
  posterOf: (title) => `Hình ảnh từ ${title}`,
  of: (time, duration) => `${time} trên ${duration}`,
  prepared: "Đã xử lý",
  missing: "Video chưa được gửi đến",
  received: "Video sắp được xử lý",
  again: "Video sắp được xử lý lại",
  processing: (percent) => `Đang xử lý, ${percent} %`,
  failed: "Không xử lý được video này",
  withdrawn: "Video này không còn nữa",
  later: "Trình duyệt này xem được video khi xử lý xong",
  unplayable: "Trình duyệt này không phát được video",
  broken: "Không tải được video. Hãy kiểm tra kết nối rồi thử lại",
  hours: "giờ",
  minutes: "phút",
  seconds: "giây",
};

/** The words for an element: its own `lang` or its nearest ancestor's; English for any language but Vietnamese. */
export function wordsFor(host) {
  const language = host.closest("[lang]")?.lang || document.documentElement.lang;
  return /^vi\b/i.test(language) ? VIETNAMESE : ENGLISH;
}

/** 75.4 → "1:15", as on a clock. */
export function clock(timeS) {
  const whole = Math.max(0, Math.floor(timeS || 0));
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const tail = `${String(seconds).padStart(2, "0")}`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** 75.4 → "1 minutes 15 seconds" in the words' language, as it is read out. */
export function spoken(timeS, words) {
  const whole = Math.max(0, Math.floor(timeS || 0));
  const parts = [
    [Math.floor(whole / 3600), words.hours],
    [Math.floor(whole / 60) % 60, words.minutes],
    [whole % 60, words.seconds],
  ];
  const said = parts.filter(([count], index) => count || index === 2);
  return said.map(([count, unit]) => `${count} ${count === 1 ? unit.replace(/s$/, "") : unit}`).join(" ");
}

/** A language's name in the reader's words: "vi" → "Tiếng Việt"; the tag itself where the browser knows no name. */
export function languageName(tag, host) {
  const reader = host.closest("[lang]")?.lang || document.documentElement.lang || "en";
  try {
    const name = new Intl.DisplayNames([reader, "en"], { type: "language" }).of(tag);
    return name.charAt(0).toUpperCase() + name.slice(1);
  } catch {
    return tag;
  }
}
