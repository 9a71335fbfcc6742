//! `ElastiCache`'s users, user groups and their caches from paper, in front of an emulator that knows the rest: what AWS
//! documents of its Query API, with AWS's pace, for as many looks as a test wants.
//!
//! No emulator has all of it: one forgets how users log in, the other knows no user groups.
//!
//! Source: the Amazon ElastiCache API reference, and "Role-Based Access Control (RBAC)" of the ElastiCache User Guide.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use crate::aws::percent_decoded;
use crate::calls::{Call, Calls};
use crate::http::{self, Listener};

/// A cache of the account.
#[derive(Clone, Debug, Default)]
pub struct PaperCache {
    /// Its name, or the id of the replication group.
    pub name: String,
    /// Whether it is serverless; else it is a replication group.
    pub is_serverless: bool,
    /// `valkey`, `redis` or `memcached`.
    pub engine: String,
    /// `8` of a serverless cache. A replication group tells no version.
    pub version: String,
    /// Whether a replication group encrypts in transit. Serverless caches always do.
    pub has_tls: bool,
    /// Whether a replication group has an AUTH token.
    pub has_token: bool,
    /// The user group that is attached.
    pub group: Option<String>,
}

/// The stand-in; it ends when dropped.
#[derive(Debug)]
pub struct PaperElastiCache {
    listener: Listener,
    calls: Calls,
    account: Arc<Mutex<Account>>,
}

impl PaperElastiCache {
    /// An account with these caches, in front of the emulator at `url`. What is changed is at work
    /// for `looks` looks.
    pub fn before(url: &str, looks: usize, caches: &[PaperCache]) -> Self {
        let to = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let account = Account {
            looks,
            caches: caches.iter().map(|cache| (cache.name.clone(), (cache.clone(), Work::default()))).collect(),
            ..Account::default()
        };
        let account = Arc::new(Mutex::new(account));
        let (calls, served) = (Calls::default(), account.clone());
        let seen = calls.clone();
        let listener = Listener::http(move |request| {
            let call = Call::of(&request);
            seen.add(call.clone());
            if call.service != "elasticache" {
                return http::exchange(&to, &request);
            }
            let answer = served.lock().expect("nobody panics with the lock").answer(&call);
            let (status, body) = match answer {
                Ok(result) => {
                    let action = &call.action;
                    (
                        "200 OK",
                        format!("<{action}Response><{action}Result>{result}</{action}Result></{action}Response>"),
                    )
                }
                Err(code) => {
                    let error = format!("<Type>Sender</Type><Code>{code}</Code><Message>{code}, on paper</Message>");
                    let id = http::REQUEST_ID;
                    (
                        "400 -",
                        format!("<ErrorResponse><Error>{error}</Error><RequestId>{id}</RequestId></ErrorResponse>"),
                    )
                }
            };
            Ok(http::answer(status, "text/xml", &body))
        });
        Self { listener, calls, account }
    }

    /// What the tools take as `AWS_ENDPOINT_URL`.
    pub fn url(&self) -> String {
        format!("http://{}", self.listener.address())
    }

    /// The calls so far.
    pub fn calls(&self) -> &Calls {
        &self.calls
    }

    /// What there is, a line each, and no look of anybody's.
    pub fn told(&self) -> Vec<String> {
        let mut account = self.account.lock().expect("nobody panics with the lock");
        account.tidy();
        let users = account.users.iter().map(|(id, (user, _))| {
            format!("user {id}: {} {} {}", user.engine, user.authentication, user.access_string)
        });
        let groups = account.groups.iter().map(|(id, (group, _))| {
            let users: Vec<&str> = group.users.iter().map(String::as_str).collect();
            format!("group {id}: {} [{}]", group.engine, users.join(" "))
        });
        let caches = account
            .caches
            .iter()
            .filter_map(|(name, (cache, _))| cache.group.as_ref().map(|group| format!("cache {name}: {group}")));
        users.chain(groups).chain(caches).collect()
    }

    /// From now on, and what goes on already, a change is at work for this many looks.
    pub fn work_for(&self, looks: usize) {
        let mut account = self.account.lock().expect("nobody panics with the lock");
        account.looks = looks;
        let Account { users, groups, caches, .. } = &mut *account;
        let all = users.values_mut().map(|(_, work)| work);
        let all = all.chain(groups.values_mut().map(|(_, work)| work)).chain(caches.values_mut().map(|(_, work)| work));
        all.for_each(|work| work.looks = work.looks.min(looks));
    }
}

/// What AWS does still, and for how many more looks.
#[derive(Clone, Debug, Default)]
struct Work {
    status: &'static str,
    looks: usize,
}

impl Work {
    /// What the next look sees.
    fn look(&mut self, idle: &'static str) -> &'static str {
        if self.looks == 0 {
            return idle;
        }
        self.looks -= 1;
        self.status
    }

    fn is_going_on(&self) -> bool {
        self.looks > 0
    }

    fn is_deletion(&self) -> bool {
        self.status == "deleting"
    }
}

#[derive(Debug, Default)]
struct User {
    engine: String,
    access_string: String,
    authentication: String,
}

#[derive(Debug, Default)]
struct Group {
    engine: String,
    users: BTreeSet<String>,
}

#[derive(Debug, Default)]
struct Account {
    looks: usize,
    users: BTreeMap<String, (User, Work)>,
    groups: BTreeMap<String, (Group, Work)>,
    caches: BTreeMap<String, (PaperCache, Work)>,
}

/// A result as XML, or the code of an error.
type Answer = Result<String, &'static str>;

impl Account {
    fn answer(&mut self, call: &Call) -> Answer {
        self.tidy();
        let asked = Asked::read(&call.body);
        match call.action.as_str() {
            "DescribeUsers" => self.describe_users(&asked),
            "CreateUser" => self.create_user(&asked),
            "DeleteUser" => self.delete_user(&asked),
            "DescribeUserGroups" => self.describe_user_groups(&asked),
            "CreateUserGroup" => self.create_user_group(&asked),
            "ModifyUserGroup" => self.modify_user_group(&asked),
            "DeleteUserGroup" => self.delete_user_group(&asked),
            "DescribeServerlessCaches" => self.describe_serverless_caches(&asked),
            "DescribeReplicationGroups" => self.describe_replication_groups(&asked),
            "DescribeCacheClusters" => Err("CacheClusterNotFound"),
            "ModifyServerlessCache" => {
                let group = asked.get("UserGroupId").map(str::to_owned);
                let is_removed = asked.get("RemoveUserGroup") == Some("true");
                self.attach(asked.text("ServerlessCacheName"), true, group, is_removed)
            }
            "ModifyReplicationGroup" => {
                let group = asked.list("UserGroupIdsToAdd").first().cloned();
                let is_removed = !asked.list("UserGroupIdsToRemove").is_empty();
                self.attach(asked.text("ReplicationGroupId"), false, group, is_removed)
            }
            _ => Err("InvalidAction"),
        }
    }

    /// What was deleted is gone once the work is over.
    fn tidy(&mut self) {
        self.users.retain(|_, (_, work)| work.is_going_on() || !work.is_deletion());
        self.groups.retain(|_, (_, work)| work.is_going_on() || !work.is_deletion());
    }

    fn work(&self, status: &'static str) -> Work {
        Work { status, looks: self.looks }
    }

    fn describe_users(&mut self, asked: &Asked) -> Answer {
        if asked.get("UserId").is_some_and(|id| !self.users.contains_key(id)) {
            return Err("UserNotFound");
        }
        let groups = &self.groups;
        let users = self.users.iter_mut().filter(|(id, _)| asked.get("UserId").is_none_or(|asked| asked == *id));
        let users = users.map(|(id, (user, work))| {
            let status = work.look("active");
            let member_of = groups.iter().filter(|(_, (group, _))| group.users.contains(id));
            let member_of: String = member_of.map(|(group, _)| element("member", group)).collect();
            let text =
                [("UserId", id), ("UserName", id), ("Engine", &user.engine), ("AccessString", &user.access_string)];
            let text: String = text.into_iter().map(|(name, text)| element(name, text)).collect();
            format!(
                "<member>{text}<Status>{status}</Status><UserGroupIds>{member_of}</UserGroupIds>\
                 <Authentication><Type>{}</Type></Authentication></member>",
                user.authentication
            )
        });
        Ok(format!("<Users>{}</Users>", users.collect::<String>()))
    }

    fn create_user(&mut self, asked: &Asked) -> Answer {
        let (id, authentication) = (asked.text("UserId"), asked.text("AuthenticationMode.Type"));
        if authentication == "iam" && id != asked.text("UserName") {
            return Err("InvalidParameterCombination");
        }
        if self.users.contains_key(id) {
            return Err("UserAlreadyExists");
        }
        let user = User {
            engine: asked.text("Engine").to_owned(),
            access_string: asked.text("AccessString").to_owned(),
            authentication: authentication.to_owned(),
        };
        let work = self.work("modifying");
        self.users.insert(id.to_owned(), (user, work));
        Ok(element("UserId", id))
    }

    fn delete_user(&mut self, asked: &Asked) -> Answer {
        let (id, work) = (asked.text("UserId"), self.work("deleting"));
        let user = self.users.get_mut(id).ok_or("UserNotFound")?;
        if user.1.is_going_on() {
            return Err("InvalidUserState");
        }
        user.1 = work;
        for (group, _) in self.groups.values_mut() {
            group.users.remove(id);
        }
        Ok(element("UserId", id))
    }

    fn describe_user_groups(&mut self, asked: &Asked) -> Answer {
        let id = asked.text("UserGroupId");
        let (group, work) = self.groups.get_mut(id).ok_or("UserGroupNotFound")?;
        let users: String = group.users.iter().map(|user| element("member", user)).collect();
        let caches = |is_serverless: bool| -> String {
            let caches = self.caches.values().map(|(cache, _)| cache);
            let of_kind = caches.filter(|cache| cache.is_serverless == is_serverless);
            let attached = of_kind.filter(|cache| cache.group.as_deref() == Some(id));
            attached.map(|cache| element("member", &cache.name)).collect()
        };
        Ok(format!(
            "<UserGroups><member>{}{}<Status>{}</Status><UserIds>{users}</UserIds>\
             <ServerlessCaches>{}</ServerlessCaches><ReplicationGroups>{}</ReplicationGroups></member></UserGroups>",
            element("UserGroupId", id),
            element("Engine", &group.engine),
            work.look("active"),
            caches(true),
            caches(false),
        ))
    }

    fn create_user_group(&mut self, asked: &Asked) -> Answer {
        let (id, engine, users) = (asked.text("UserGroupId"), asked.text("Engine"), asked.list("UserIds"));
        if self.groups.contains_key(id) {
            return Err("UserGroupAlreadyExists");
        }
        if engine == "redis" && !users.iter().any(|user| user == "default") {
            return Err("DefaultUserRequired");
        }
        let group = Group { engine: engine.to_owned(), users: users.into_iter().collect() };
        let work = self.work("creating");
        self.groups.insert(id.to_owned(), (group, work));
        Ok(element("UserGroupId", id))
    }

    fn modify_user_group(&mut self, asked: &Asked) -> Answer {
        let (id, work) = (asked.text("UserGroupId"), self.work("modifying"));
        let (group, at_work) = self.groups.get_mut(id).ok_or("UserGroupNotFound")?;
        if at_work.is_going_on() {
            return Err("InvalidUserGroupState");
        }
        for user in asked.list("UserIdsToAdd") {
            let (_, of_user) = self.users.get(&user).ok_or("UserNotFound")?;
            if of_user.is_going_on() {
                return Err("InvalidUserState");
            }
            group.users.insert(user);
        }
        for user in asked.list("UserIdsToRemove") {
            group.users.remove(&user);
        }
        *at_work = work;
        Ok(element("UserGroupId", id))
    }

    fn delete_user_group(&mut self, asked: &Asked) -> Answer {
        let (id, work) = (asked.text("UserGroupId"), self.work("deleting"));
        let is_attached = self.caches.values().any(|(cache, _)| cache.group.as_deref() == Some(id));
        let (_, at_work) = self.groups.get_mut(id).ok_or("UserGroupNotFound")?;
        if at_work.is_going_on() || is_attached {
            return Err("InvalidUserGroupState");
        }
        *at_work = work;
        Ok(element("UserGroupId", id))
    }

    fn describe_serverless_caches(&mut self, asked: &Asked) -> Answer {
        let name = asked.text("ServerlessCacheName");
        let cache = self.caches.get_mut(name).filter(|(cache, _)| cache.is_serverless);
        let (cache, work) = cache.ok_or("ServerlessCacheNotFoundFault")?;
        let (text, status) = (told(cache, "serverlesscache"), work.look("available"));
        let group = cache.group.as_ref().map(|group| element("UserGroupId", group)).unwrap_or_default();
        Ok(format!(
            "<ServerlessCaches><member>{text}{}{}<Status>{status}</Status>{group}</member></ServerlessCaches>",
            element("ServerlessCacheName", name),
            element("MajorEngineVersion", &cache.version),
        ))
    }

    fn describe_replication_groups(&mut self, asked: &Asked) -> Answer {
        let name = asked.text("ReplicationGroupId");
        let cache = self.caches.get_mut(name).filter(|(cache, _)| !cache.is_serverless);
        let (cache, work) = cache.ok_or("ReplicationGroupNotFoundFault")?;
        let (text, status) = (told(cache, "replicationgroup"), work.look("available"));
        let groups: String = cache.group.iter().map(|group| element("member", group)).collect();
        Ok(format!(
            "<ReplicationGroups><ReplicationGroup>{text}{}<Status>{status}</Status>\
             <TransitEncryptionEnabled>{}</TransitEncryptionEnabled><AuthTokenEnabled>{}</AuthTokenEnabled>\
             <UserGroupIds>{groups}</UserGroupIds></ReplicationGroup></ReplicationGroups>",
            element("ReplicationGroupId", name),
            cache.has_tls,
            cache.has_token,
        ))
    }

    /// Both the cache and its group are at work then.
    fn attach(&mut self, name: &str, is_serverless: bool, group: Option<String>, is_removed: bool) -> Answer {
        let work = self.work("modifying");
        let not_found = if is_serverless { "ServerlessCacheNotFoundFault" } else { "ReplicationGroupNotFoundFault" };
        let busy = if is_serverless { "InvalidServerlessCacheStateFault" } else { "InvalidReplicationGroupState" };
        let cache = self.caches.get_mut(name).filter(|(cache, _)| cache.is_serverless == is_serverless);
        let (cache, at_work) = cache.ok_or(not_found)?;
        if at_work.is_going_on() {
            return Err(busy);
        }
        let affected = group.clone().or_else(|| cache.group.clone()).unwrap_or_default();
        let (_, group_at_work) = self.groups.get_mut(&affected).ok_or("UserGroupNotFound")?;
        if group_at_work.is_going_on() {
            return Err("InvalidUserGroupState");
        }
        (*at_work, *group_at_work) = (work.clone(), work);
        cache.group = group.filter(|_| !is_removed);
        Ok(String::new())
    }
}

fn told(cache: &PaperCache, kind: &str) -> String {
    let arn = format!("arn:aws:elasticache:us-east-1:123456789012:{kind}:{}", cache.name);
    element("ARN", &arn) + &element("Engine", &cache.engine)
}

fn element(name: &str, text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    format!("<{name}>{text}</{name}>")
}

/// The parameters of a call.
struct Asked(Vec<(String, String)>);

impl Asked {
    fn read(body: &str) -> Self {
        let pairs = body.split('&').filter_map(|pair| pair.split_once('='));
        Self(pairs.map(|(name, value)| (percent_decoded(name), percent_decoded(value))).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }

    /// `UserIds.member.1` and those after it.
    fn list(&self, name: &str) -> Vec<String> {
        let of_list =
            self.0.iter().filter(|(known, _)| known.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')));
        of_list.map(|(_, value)| value.clone()).collect()
    }
}
