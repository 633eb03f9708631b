//! Dice: the random numbers of a synthetic history.
//!
//! Every stream is a pure function of the seed and of its purpose, so that any package can be made again, in any
//! order and on any thread. This module must not read a clock or the system's entropy.

const STEP: u64 = 0xa076_1d64_78bd_642f;
const FLIP: u64 = 0xe703_7ed1_a0b4_28db;

/// A stream of random numbers (wyrand).
#[derive(Clone, Copy, Debug)]
pub struct Dice(u64);

impl Dice {
    /// Makes the stream for three coordinates under a seed.
    pub fn new(seed: u64, purpose: u64, file: u64, index: u64) -> Dice {
        let place = file.wrapping_mul(FLIP) ^ index.wrapping_mul(STEP);
        Dice(mix(mix(seed ^ purpose.wrapping_mul(0x9e37_79b9_7f4a_7c15)) ^ place))
    }

    /// Returns the next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        let product = u128::from(self.0) * u128::from(self.0 ^ FLIP);
        (product >> 64) as u64 ^ product as u64
    }

    /// Returns a whole number below `limit`, which is at least 1.
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(limit)) >> 64) as u64
    }

    /// Returns true `times` in 10,000.
    pub fn hits(&mut self, times: u32) -> bool {
        self.below(10_000) < u64::from(times)
    }

    /// Returns one of some things; there must be at least one.
    pub fn pick<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len() as u64) as usize]
    }

    /// Returns an index drawn by weight; the weights must add up to at least 1.
    pub fn weighted(&mut self, weights: impl Iterator<Item = u32> + Clone) -> usize {
        let total: u64 = weights.clone().map(u64::from).sum();
        let mut left = self.below(total);
        for (index, weight) in weights.enumerate() {
            if left < u64::from(weight) {
                return index;
            }
            left -= u64::from(weight);
        }
        0
    }
}

/// Spreads the bits of a number over all of its bits (the finaliser of splitmix64).
pub fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// Draws indexes by weight in constant time (Walker's alias method), with whole numbers only.
pub struct Lottery {
    /// For each place, the share of 2^32 that it keeps, and the place that has the rest.
    places: Vec<(u32, u32)>,
}

impl Lottery {
    /// Makes a lottery over weights, at least one of which must be above zero.
    pub fn new(weights: &[u64]) -> Lottery {
        let (count, total) = (weights.len() as u128, weights.iter().map(|weight| u128::from(*weight)).sum::<u128>());
        let full = 1u128 << 32;
        let mut shares: Vec<u128> =
            weights.iter().map(|weight| u128::from(*weight) * count * full / total.max(1)).collect();
        let (mut small, mut large) = (Vec::new(), Vec::new());
        for (index, share) in shares.iter().enumerate() {
            if *share < full { small.push(index) } else { large.push(index) }
        }
        let mut places: Vec<(u32, u32)> = (0..weights.len()).map(|index| (u32::MAX, index as u32)).collect();
        while let (Some(poor), Some(rich)) = (small.pop(), large.last().copied()) {
            places[poor] = (shares[poor] as u32, rich as u32);
            shares[rich] -= full - shares[poor];
            if shares[rich] < full {
                large.pop();
                small.push(rich);
            }
        }
        Lottery { places }
    }

    /// Makes a Zipf lottery: the n-th of `count` has a weight of n to the power of -1.05.
    pub fn zipf(count: usize) -> Lottery {
        let weights: Vec<u64> = (1..=count).map(|rank| ((rank as f64).powf(-1.05) * 1e12) as u64 + 1).collect();
        Lottery::new(&weights)
    }

    /// Draws an index.
    pub fn draw(&self, dice: &mut Dice) -> usize {
        let bits = dice.bits();
        let place = ((u128::from(bits) * self.places.len() as u128) >> 64) as usize;
        let (keeps, other) = self.places[place];
        if (bits as u32) < keeps { place } else { other as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn streams_differ_by_each_coordinate_and_repeat() {
        let first = |seed, purpose, file, index| Dice::new(seed, purpose, file, index).bits();
        assert_eq!(first(1, 2, 3, 4), first(1, 2, 3, 4));
        let all = [first(1, 2, 3, 4), first(2, 2, 3, 4), first(1, 3, 3, 4), first(1, 2, 4, 4), first(1, 2, 3, 5)];
        assert!(all.iter().enumerate().all(|(index, bits)| !all[..index].contains(bits)));
    }

    #[test]
    fn a_lottery_follows_its_weights() {
        let lottery = Lottery::new(&[5, 0, 3, 2]);
        let mut counts = [0u32; 4];
        let mut dice = Dice::new(7, 0, 0, 0);
        (0..100_000).for_each(|_| counts[lottery.draw(&mut dice)] += 1);
        assert_eq!(counts[1], 0);
        for (count, want) in counts.iter().zip([50_000u32, 0, 30_000, 20_000]) {
            assert!(count.abs_diff(want) < 1_000, "{counts:?}");
        }
    }
}
