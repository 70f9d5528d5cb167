//! Whether one kind of thing takes longer than another: the rank-sum test of Mann and Whitney, which asks in which order the
//! times lie and not how long they are, so that a busy machine moves nothing but the power to tell.
//!
//! Measure both kinds in random order. Then, whatever the machine does meanwhile, it does to both, and samples of one kind are
//! told apart by chance alone.

use std::cmp::Ordering;

/// How two samples lie to each other.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// How likely one of the first is more than one of the second; of equals, each is that half of the time.
    pub more: f64,
    /// How far that is from a half, in standard deviations of what chance makes of samples of one kind.
    pub z: f64,
}

/// Compares samples by Mann-Whitney's U, with the normal approximation, and its corrections for equal values and for continuity.
pub fn compare<T: Ord>(one: &[T], other: &[T]) -> Ranked {
    let pairs = one.iter().flat_map(|mine| other.iter().map(move |theirs| mine.cmp(theirs)));
    let u: f64 = pairs.map(|order| f64::from(order as i8 + 1) / 2.0).sum();
    let (first, second) = (number(one.len()), number(other.len()));
    let all = first + second;

    let mut pooled: Vec<&T> = one.iter().chain(other).collect();
    pooled.sort();
    let equals = pooled.chunk_by(|one, other| one.cmp(other) == Ordering::Equal).map(|equals| number(equals.len()));
    let ties: f64 = equals.map(|count| count.powi(3) - count).sum();
    let deviation = (first * second / 12.0 * (all + 1.0 - ties / (all * (all - 1.0)))).sqrt();

    let off = u - first * second / 2.0;
    let z = if off.abs() <= 0.5 { 0.0 } else { (off - off.signum() / 2.0) / deviation };
    Ranked { more: u / (first * second), z }
}

/// How two samples lie to each other, if they are not of one kind: beyond what chance does once in 26 million times, and so that one of the one
/// is more than one of the other in three of four cases at least.
pub fn apart<T: Ord>(one: &[T], other: &[T]) -> Option<Ranked> {
    assert!(one.len().min(other.len()) >= ENOUGH, "too few to tell: {} and {}", one.len(), other.len());
    let ranked = compare(one, other);
    (ranked.z.abs() > BEYOND_CHANCE && (ranked.more - 0.5).abs() > 0.25).then_some(ranked)
}

fn number(count: usize) -> f64 {
    u32::try_from(count).unwrap().into()
}

/// Two-sided p = 3.8e-8.
const BEYOND_CHANCE: f64 = 5.5;
/// Of fewer not even samples without any overlap are beyond chance.
const ENOUGH: usize = 21;

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(ranked: Ranked, u: f64, pairs: usize, z: f64) {
        let said = (ranked.more * number(pairs), ranked.z);
        assert!((said.0 - u).abs() < 1e-9 && (said.1 - z).abs() < 5e-4, "{said:?}, not {:?}", (u, z));
    }

    #[test]
    fn it_says_what_is_published() {
        // SciPy's documentation of `mannwhitneyu`: ages at diagnosis; U = 17, p = 0.11134688653314041 (asymptotic).
        let (men, women) = ([19, 22, 16, 29, 24], [20, 11, 17, 12]);
        is(compare(&men, &women), 17.0, 20, 1.5922);
        is(compare(&women, &men), 3.0, 20, -1.5922);
        // R's documentation of `wilcox.test`, with equal values among them: Student's sleep data, W = 25.5, p = 0.06933; and the ozone of
        // May and August in New York, W = 127.5, p = 0.0001208.
        let (one, other) = ([7, -16, -2, -12, -1, 34, 37, 8, 0, 20], [19, 8, 11, 1, -1, 44, 55, 16, 46, 34]);
        is(compare(&one, &other), 25.5, 100, -1.8163);
        let may = [41, 36, 12, 18, 28, 23, 19, 8, 7, 16, 11, 14, 18, 14, 34, 6, 30, 11, 1, 11, 4, 32, 23, 45, 115, 37];
        let august =
            [39, 9, 16, 78, 35, 66, 122, 89, 110, 44, 28, 65, 22, 59, 23, 31, 44, 21, 9, 45, 168, 73, 76, 118, 84, 85];
        is(compare(&may, &august), 127.5, 26 * 26, -3.8445);
    }

    #[test]
    fn samples_of_one_kind_are_not_apart_and_others_are() {
        let sample = |from: u64, to: u64| (from..to).map(|number| number * 7_919 % 100).collect::<Vec<_>>();
        assert_eq!(apart(&sample(0, 40), &sample(40, 80)), None);
        let slower: Vec<_> = sample(40, 80).iter().map(|time| time + 70).collect();
        let told = apart(&slower, &sample(0, 40)).unwrap();
        assert!(told.more > 0.9 && told.z > 6.0, "{told:?}");
        assert!(apart(&sample(0, 40), &slower).unwrap().z < -6.0, "to whichever side");
        assert_eq!(compare(&[5; 30], &[5; 30]), Ranked { more: 0.5, z: 0.0 });
    }

    #[test]
    fn a_few_that_take_long_are_no_kind_of_their_own() {
        let mut late = vec![500; 50];
        late[..10].fill(9_000);
        assert_eq!(apart(&late, &[500; 50]), None);
    }

    #[test]
    fn as_few_as_there_may_be_can_be_told_apart() {
        assert!(apart(&[1; ENOUGH], &[2; ENOUGH]).is_some());
        let distinct = |from: usize| (from..from + ENOUGH).collect::<Vec<_>>();
        assert!(apart(&distinct(0), &distinct(ENOUGH)).is_some());
        let fewer = |from: usize| (from..from + ENOUGH - 1).collect::<Vec<_>>();
        assert!(compare(&fewer(ENOUGH), &fewer(0)).z <= BEYOND_CHANCE);
    }

    #[test]
    #[should_panic(expected = "too few to tell: 20 and 50")]
    fn of_too_few_nothing_is_said() {
        apart(&[1; 20], &[2; 50]);
    }
}
