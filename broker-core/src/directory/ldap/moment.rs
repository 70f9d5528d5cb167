//! The forms in which directories write down a time.

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// What stands where a time should, and is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a time")]
pub(super) struct NotATime;

/// `20260131235959Z`, with a fraction or an offset (Generalized Time, RFC 4517, 3.3.13).
pub(super) fn generalized(text: &str) -> Result<Timestamp, NotATime> {
    let (time, zone) = text.split_at(text.find(['Z', '+', '-']).ok_or(NotATime)?);
    let (time, fraction) = time.split_once(['.', ',']).unwrap_or((time, "0"));
    if !matches!(time.len(), 10 | 12 | 14) || fraction.is_empty() {
        return Err(NotATime);
    }
    // What is smaller than what is written: nobody's account ends at a fraction.
    number::<u32>(fraction.get(..fraction.len().min(9)).unwrap_or(fraction))?;
    let part = |from: usize, to: usize| time.get(from..to).map_or(Ok(0), number::<i8>);
    let year = number::<i16>(time.get(..4).ok_or(NotATime)?)?;
    let day = Date::new(year, part(4, 6)?, part(6, 8)?).map_err(|_| NotATime)?;
    // A leap second, which the form allows, is the one before.
    let second = part(12, 14)?;
    let second = if second == 60 { 59 } else { second };
    let (hour, minute) = (part(8, 10)?, part(10, 12)?);
    if hour > 23 || minute > 59 || second > 59 {
        return Err(NotATime);
    }
    let time = day.at(hour, minute, second, 0);
    offset(zone)?.to_timestamp(time).map_err(|_| NotATime)
}

/// Tenths of microseconds since 1601, as Active Directory has them. Zero and the greatest number mean never.
pub(super) fn file_time(text: &str) -> Result<Option<Timestamp>, NotATime> {
    let ticks: i64 = text.parse().map_err(|_| NotATime)?;
    match ticks {
        0 | i64::MAX => Ok(None),
        ..0 => Err(NotATime),
        // Beyond what can be a time is beyond what anybody lives to see.
        _ => Ok(Timestamp::from_second(ticks / TICKS_PER_SECOND - SECONDS_FROM_1601).ok()),
    }
}

/// Days since 1970, as in `/etc/shadow`. Zero and less mean never.
pub(super) fn days(text: &str) -> Result<Option<Timestamp>, NotATime> {
    let days: i64 = text.parse().map_err(|_| NotATime)?;
    let at =
        |days: i64| Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_secs(days.saturating_mul(SECONDS_PER_DAY)));
    Ok((days > 0).then(|| at(days).ok()).flatten())
}

fn offset(zone: &str) -> Result<Offset, NotATime> {
    let (sign, digits) = match zone.split_at_checked(1) {
        Some(("Z", "")) => return Ok(Offset::UTC),
        Some(("+", digits)) => (1, digits),
        Some(("-", digits)) => (-1, digits),
        _ => return Err(NotATime),
    };
    if !matches!(digits.len(), 2 | 4) {
        return Err(NotATime);
    }
    let part = |from: usize, to: usize| digits.get(from..to).map_or(Ok(0), number::<i32>);
    let (hours, minutes) = (part(0, 2)?, part(2, 4)?);
    if hours > 23 || minutes > 59 {
        return Err(NotATime);
    }
    Offset::from_seconds(sign * (hours * 3_600 + minutes * 60)).map_err(|_| NotATime)
}

fn number<T: std::str::FromStr>(digits: &str) -> Result<T, NotATime> {
    let all = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| all).ok_or(NotATime)
}

const TICKS_PER_SECOND: i64 = 10_000_000;
const SECONDS_FROM_1601: i64 = 11_644_473_600;
const SECONDS_PER_DAY: i64 = 86_400;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generalized_times_of_all_forms() {
        for (text, time) in [
            ("20260131235959Z", "2026-01-31T23:59:59Z"),
            ("20260131235959.123456789012Z", "2026-01-31T23:59:59Z"),
            ("20260131235959,5Z", "2026-01-31T23:59:59Z"),
            ("20260131235960Z", "2026-01-31T23:59:59Z"),
            ("202601312359Z", "2026-01-31T23:59:00Z"),
            ("2026013123Z", "2026-01-31T23:00:00Z"),
            ("20260131235959+0130", "2026-01-31T22:29:59Z"),
            ("20260131235959-01", "2026-02-01T00:59:59Z"),
        ] {
            assert_eq!(generalized(text), Ok(time.parse().unwrap()), "{text}");
        }
        for bad in [
            "",
            "Z",
            "20260131235959",
            "20261331235959Z",
            "20260230000000Z",
            "2026013124Z",
            "202601312360Z",
            "20260131235961Z",
            "20260131235959.Z",
            "20260131235959.xZ",
            "20260131235959+1",
            "20260131235959+2460",
            "20260131235959Z ",
            "2026013123595Z",
            "+0260131235959Z",
            "never",
            "ä",
        ] {
            assert_eq!(generalized(bad), Err(NotATime), "{bad}");
        }
    }

    #[test]
    fn file_times_and_those_that_mean_never() {
        assert_eq!(file_time("116444736000000000"), Ok(Some(Timestamp::UNIX_EPOCH)));
        assert_eq!(file_time("133801632000000000"), Ok(Some("2025-01-01T00:00:00Z".parse().unwrap())));
        assert_eq!([file_time("0"), file_time("9223372036854775807")], [Ok(None), Ok(None)]);
        for bad in ["", "-1", "x", "9223372036854775808"] {
            assert_eq!(file_time(bad), Err(NotATime), "{bad}");
        }
    }

    #[test]
    fn days_since_1970() {
        assert_eq!(days("1"), Ok(Some("1970-01-02T00:00:00Z".parse().unwrap())));
        assert_eq!([days("-1"), days("0"), days("9223372036854775807")], [Ok(None), Ok(None), Ok(None)]);
        assert_eq!(days("soon"), Err(NotATime));
    }
}
