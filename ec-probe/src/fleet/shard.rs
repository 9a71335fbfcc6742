//! Which documents are this machine's share, when many machines are given the same ones.

use std::str::FromStr;

/// One of `of` shards, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shard {
    number: u32,
    of: u32,
}

impl Shard {
    /// Whether the document with this id is in this shard. Where it has no id, its bytes count.
    pub(crate) fn has(self, id: &[u8]) -> bool {
        hash(id) % u64::from(self.of) == u64::from(self.number) - 1
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        match parts {
            Some((number, of)) if (1..=of).contains(&number) => Ok(Self { number, of }),
            Some(_) => Err("the first shard of four is 1/4, the last 4/4".to_owned()),
            None => Err("a shard is written 1/4".to_owned()),
        }
    }
}

/// FNV-1a of 64 bits, folded to 32, because the low bits alone hang on the low bits of the id alone. It is written down and
/// will stay, so that other programs can tell a shard, too. <http://www.isthe.com/chongo/tech/comp/fnv/>
fn hash(bytes: &[u8]) -> u64 {
    let hash = fnv_1a(bytes);
    (hash >> 32) ^ (hash & u64::from(u32::MAX))
}

fn fnv_1a(bytes: &[u8]) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.iter().fold(BASIS, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(text: &str) -> Shard {
        text.parse().unwrap()
    }

    #[test]
    fn a_shard_is_one_of_so_many() {
        assert_eq!(shard("3/4"), Shard { number: 3, of: 4 });
        for wrong in ["", "1", "0/4", "5/4", "1/0", "0/0", "1/-4", "a/b", "1/4/2", " 1/4"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_hash_is_the_published_one_so_that_a_later_version_gives_the_same_shards() {
        for (text, expected) in
            [("", 0xcbf2_9ce4_8422_2325), ("a", 0xaf63_dc4c_8601_ec8c), ("foobar", 0x8594_4171_f739_67e8)]
        {
            assert_eq!(fnv_1a(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(hash(b"a"), 0x2962_30c0);
    }

    #[test]
    fn every_id_is_in_exactly_one_shard_and_the_shards_are_about_alike() {
        for of in [1, 2, 3, 4, 7, 64] {
            let shards: Vec<Shard> = (1..=of).map(|number| Shard { number, of }).collect();
            let mut sizes = vec![0; shards.len()];
            for number in 0..6400 {
                let id = format!("orders<-i-{number:017x}");
                let owners: Vec<usize> = (0..shards.len()).filter(|&index| shards[index].has(id.as_bytes())).collect();
                assert_eq!(owners.len(), 1, "{id}");
                sizes[owners[0]] += 1;
            }
            let fair = 6400 / sizes.len();
            assert!(sizes.iter().all(|size| (fair / 2..=fair * 2).contains(size)), "{of}: {sizes:?}");
        }
    }
}
